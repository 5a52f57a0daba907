import type { Env } from '@millrace/core'
import type { Checkpoint } from '@millrace/core/internal'
import { decodePosition, POSITION_KEY } from './changelog/position-record.ts'
import { Database } from './database.ts'
import { type LevelEngine, levelDb } from './level-engine.ts'

/** LevelDB replaces its tables every few seconds at most, and a copy takes milliseconds: more failures have another cause. */
const COPY_TRIES = 5

/** How far a state has come. */
export interface SavedState {
  /** The offset up to which it has its changelog. */
  readonly nextOffset: number
  readonly checkpoint: Checkpoint
}

/**
 * Copies the files of a task's state, which a process may be writing, into a new directory. Tables never change, and get a second
 * name; so the cost does not depend on the size of the state. The copy is the state as of a commit during the call. Returns false,
 * and leaves nothing, if there is no whole copy: the state can be rebuilt from its changelog.
 */
export async function copyState(
  env: Env,
  from: string,
  directory: string,
  engine: LevelEngine = levelDb,
): Promise<boolean> {
  if (engine.copy === undefined) return false
  for (let tries = 0; tries < COPY_TRIES; tries++) {
    try {
      engine.copy(env, from, directory)
      if ((await engine.check(env, directory, 'names')) === undefined) return true
    } catch {
      // LevelDB has removed a file since it was listed.
    }
    env.files.removeTree(directory)
    await env.timers.turn()
  }
  return false
}

/** How far the state in a directory has come, which no process has open; undefined if it is not a state that can be read. */
export async function readSavedState(
  env: Env,
  directory: string,
  engine: LevelEngine = levelDb,
): Promise<SavedState | undefined> {
  const database = new Database(directory, `in ${directory}`, env, engine)
  try {
    await database.open()
    const bytes = database.record(POSITION_KEY)
    if (bytes === undefined) return undefined
    const { nextOffset, checkpoint } = decodePosition(bytes)
    return { nextOffset, checkpoint }
  } catch {
    return undefined
  } finally {
    await database.close()
  }
}
