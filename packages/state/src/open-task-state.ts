import type { Env } from '@millrace/core'
import { FatalError, MillraceError, RefusedError } from '@millrace/core'
import { ownValue, type StoreDescription, type TaskState } from '@millrace/core/internal'
import { Database } from './database.ts'
import { checkStore, IDENTITY_KEY, identityDifference, type StateIdentity, stateIdentity } from './identity.ts'
import { type LevelEngine, levelDb } from './level-engine.ts'
import { LevelTaskState } from './level-task-state.ts'
import { decodePosition, POSITION_KEY } from './position-record.ts'

/** 64 MiB of changes: several hundred thousand entries, or some hundred milliseconds of LevelDB's write rate. */
export const DIRTY_BYTES_MAX = 64 * 1024 * 1024
/** A live entry takes some 200 to 500 bytes with its key and value: 100,000 are 20 to 50 MB a task. */
export const ENTRIES_MAX = 100_000

export interface TaskStateOptions {
  /** Where the state is; made where it is missing. */
  readonly directory: string
  readonly job: string
  readonly task: string
  readonly stores: readonly StoreDescription[]
  /** The topics whose checkpoints are the task's. */
  readonly inputs: readonly string[]
  readonly env: Env
  /** Past so many changed bytes the state asks for an early commit. Default 64 MiB. */
  readonly dirtyBytesMax?: number
  /** Entries in memory, changed or not; a commit makes room. Default 100,000. */
  readonly entriesMax?: number
  /** Default: LevelDB. */
  readonly engine?: LevelEngine
}

export interface OpenedState {
  readonly state: TaskState
  /** `fresh`: there was none. `reused`: it stands where it was. `rebuilt`: what was there was thrown away. */
  readonly opened: 'fresh' | 'reused' | 'rebuilt'
  /** What a user should know: why a state was thrown away. */
  readonly note: string | undefined
}

/**
 * Opens a task's state. What cannot be trusted (damage, another format, other stores) is thrown away and opened empty,
 * at position 0: the changelog has it all. Throws `STATE_SERDE_CHANGED` where a store's entries were written with another
 * serde or window size, as the changelog's were then too, and `JOB_RUNNING` where another process has it open.
 */
export async function openTaskState(options: TaskStateOptions): Promise<OpenedState> {
  const { directory, job, task, stores, inputs, env } = options
  const identity = stateIdentity(job, task, stores, inputs)
  const engine = options.engine ?? levelDb
  const database = new Database(directory, task, env, engine)
  const limits = {
    dirtyBytesMax: options.dirtyBytesMax ?? DIRTY_BYTES_MAX,
    entriesMax: options.entriesMax ?? ENTRIES_MAX,
  }
  const state = new LevelTaskState(database, identity, stores, limits)
  const fresh = isEmpty(env, directory)
  try {
    const reason = fresh ? 'there was none' : await openTrusted(database, engine, identity, state, env)
    if (reason === undefined) return { state, opened: 'reused', note: undefined }
    await openEmpty(database, state, task)
    if (fresh) return { state, opened: 'fresh', note: undefined }
    return {
      state,
      opened: 'rebuilt',
      note: `The local state in ${directory} is rebuilt from the changelog: ${reason}`,
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Throws `STATE_REBUILD_FAILED` where the disk does not even take an empty state. */
async function openEmpty(database: Database, state: LevelTaskState, task: string): Promise<void> {
  try {
    await database.destroy()
    await database.open()
    await state.load(null)
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw new FatalError(
      'STATE_REBUILD_FAILED',
      `The local state of task ${task} could not be made in ${database.directory}: ` +
        `${error instanceof Error ? messageOf(error) : String(error)}. Look at the disk, and start again: nothing is lost`,
      { task, file: database.directory, cause: error },
    )
  }
}

/** Opens what is there; says why it cannot be used, if so. */
async function openTrusted(
  database: Database,
  engine: LevelEngine,
  identity: StateIdentity,
  state: LevelTaskState,
  env: Env,
): Promise<string | undefined> {
  try {
    const damage = await engine.check(env, database.directory)
    // Opened all the same: whatever happens to it next, it must not be in another process's hands.
    await database.open()
    if (damage !== undefined) return damage
    const identityBytes = database.record(IDENTITY_KEY)
    const positionBytes = database.record(POSITION_KEY)
    if (identityBytes === undefined || positionBytes === undefined) return 'its identity or position is missing'
    const found: StateIdentity = JSON.parse(identityBytes.toString())
    const difference = identityDifference(found, identity)
    for (const [name, wanted] of Object.entries(identity.stores)) {
      const before = ownValue(found.stores, name)
      if (before !== undefined && found.job === identity.job)
        checkStore(name, before, wanted, identity.job, identity.task)
    }
    if (difference !== undefined) return difference
    await state.load(decodePosition(positionBytes))
    return undefined
  } catch (error) {
    if (error instanceof RefusedError) throw error
    return error instanceof Error ? messageOf(error) : String(error)
  }
}

function messageOf(error: Error): string {
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}

/** What cannot be read is not taken for empty: opening it tells why. */
function isEmpty(env: Env, directory: string): boolean {
  try {
    return env.files.stat(directory) === undefined || env.files.list(directory).length === 0
  } catch {
    return false
  }
}
