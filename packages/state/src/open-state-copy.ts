import type { Env } from '@millrace/core'
import { ownValue, type StoreDescription, storeKeyName, type TaskState } from '@millrace/core/internal'
import { Database } from './database.ts'
import { copyFiles } from './files/copy-files.ts'
import { FORMAT_VERSION, IDENTITY_KEY, type StateIdentity, storeIdentity } from './identity.ts'
import { levelDb } from './level-engine.ts'
import { LevelTaskState } from './level-task-state.ts'
import { DIRTY_BYTES_MAX, ENTRIES_MAX } from './open-task-state.ts'
import { decodePosition, POSITION_KEY } from './position-record.ts'

export interface StateCopyOptions {
  /** A task's state, which no process need have open. It is not changed. */
  readonly from: string
  /** Where the copy is made; new. It is the caller's to remove. */
  readonly directory: string
  /** Whose state it must be. */
  readonly job: string
  /** The store that is wanted of it; the others are not kept up to date in the copy. */
  readonly store: StoreDescription
  readonly env: Env
}

/**
 * Opens a copy of a task's state, for one of its stores. Undefined where what is there is no whole state of the job, or is
 * without the store: its changelog has it all.
 */
export async function openStateCopy(options: StateCopyOptions): Promise<TaskState | undefined> {
  const { from, directory, job, store, env } = options
  const database = new Database(directory, `of ${from}`, env, levelDb)
  try {
    copyFiles(env, from, directory)
    if ((await levelDb.check(env, directory)) === undefined) {
      await database.open()
      const state = await openStore(database, job, store)
      if (state !== undefined) return state
    }
  } catch {
    // The job may have started, and its files changed under the copy.
  }
  await database.close()
  return undefined
}

async function openStore(database: Database, job: string, store: StoreDescription): Promise<TaskState | undefined> {
  const identityBytes = database.record(IDENTITY_KEY)
  const positionBytes = database.record(POSITION_KEY)
  if (identityBytes === undefined || positionBytes === undefined) return undefined
  const identity: StateIdentity = JSON.parse(identityBytes.toString())
  if (identity.version !== FORMAT_VERSION || identity.job !== job) return undefined
  const found = ownValue(identity.stores, storeKeyName(store))
  const wanted = storeIdentity(store)
  if (found === undefined || JSON.stringify(found) !== JSON.stringify(wanted)) return undefined
  const limits = { dirtyBytesMax: DIRTY_BYTES_MAX, entriesMax: ENTRIES_MAX }
  const state = new LevelTaskState(database, identity, [store], limits)
  await state.load(decodePosition(positionBytes))
  return state
}
