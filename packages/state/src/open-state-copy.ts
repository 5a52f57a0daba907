import type { Env } from '@millrace/core'
import { ownValue, type StoreDescription, storeKeyName, type TaskState } from '@millrace/core/internal'
import { decodePosition, POSITION_KEY } from './changelog/position-record.ts'
import { Database } from './database.ts'
import { copyFiles } from './files/copy-files.ts'
import { FORMAT_VERSION, IDENTITY_KEY, type StateIdentity, storeIdentity } from './identity.ts'
import { levelDb } from './level-engine.ts'
import { LevelTaskState } from './level-task-state.ts'
import { DIRTY_BYTES_MAX, ENTRIES_MAX } from './open-task-state.ts'

/** Which state to copy, and where to. */
export interface StateCopyOptions {
  /** The directory of a task's state. No process needs to have it open. It is not changed. */
  readonly from: string
  /** The directory of the copy, which must be new. The caller must remove it. */
  readonly directory: string
  /** The job that the state must belong to. */
  readonly job: string
  /** The store to read; the other stores are not kept up to date in the copy. */
  readonly store: StoreDescription
  readonly env: Env
}

/**
 * Opens a copy of a task's state, for one of its stores. Undefined if the files are not a whole state of the job, or if the
 * state does not have the store: then read everything from its changelog.
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
    // The job may have started, and its files may have changed while they were copied.
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
