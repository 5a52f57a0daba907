import { type LevelEngine, levelDb } from '../level-engine.ts'
import { readThrough } from './read-through.ts'

/** A LevelDB that counts its synchronous reads of keys: of those that begin with `first`, or of all. */
export class CountedEngine implements LevelEngine {
  readonly check = levelDb.check
  readonly open: LevelEngine['open']
  reads = 0

  constructor(first?: number) {
    this.open = readThrough((key, read) => {
      if (first === undefined || key[0] === first) this.reads++
      return read(key)
    }).open
  }
}
