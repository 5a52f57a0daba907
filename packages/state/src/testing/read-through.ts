import { type LevelEngine, levelDb } from '../level-engine.ts'

type Read = (key: Buffer) => Buffer | undefined

/** A LevelDB whose synchronous reads are made by `look`, which gets LevelDB's own read. */
export function readThrough(look: (key: Buffer, read: Read) => Buffer | undefined): LevelEngine {
  return {
    ...levelDb,
    async open(directory) {
      const level = await levelDb.open(directory)
      const read: Read = level.getSync.bind(level)
      level.getSync = (key: Buffer) => look(key, read)
      return level
    },
  }
}
