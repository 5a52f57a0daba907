import { type LevelEngine, levelDb } from '../level-engine.ts'

/** A LevelDB that counts its synchronous reads of keys that begin with `first`. */
export class CountedEngine implements LevelEngine {
  readonly check = levelDb.check
  reads = 0
  readonly #first: number

  constructor(first: number) {
    this.#first = first
  }

  async open(directory: string) {
    const level = await levelDb.open(directory)
    const read = level.getSync.bind(level)
    level.getSync = (key) => {
      if (key[0] === this.#first) this.reads++
      return read(key)
    }
    return level
  }
}
