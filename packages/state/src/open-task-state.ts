import type { Env } from '@millrace/core'
import { FatalError, MillraceError, RefusedError } from '@millrace/core'
import { ownValue, type StoreDescription, type TaskState } from '@millrace/core/internal'
import { decodePosition, POSITION_KEY } from './changelog/position-record.ts'
import { Database } from './database.ts'
import { checkStore, IDENTITY_KEY, identityDifference, type StateIdentity, stateIdentity } from './identity.ts'
import { type LevelEngine, levelDb } from './level-engine.ts'
import { LevelTaskState } from './level-task-state.ts'

/** 64 MiB of changes: several hundred thousand entries, or a few hundred milliseconds of LevelDB's write rate. */
export const DIRTY_BYTES_MAX = 64 * 1024 * 1024
/** A write-back entry takes about 200 to 500 bytes with its key and value: 100,000 take 20 to 50 MB per task. */
export const ENTRIES_MAX = 100_000

/** Which state to open, and its limits. */
export interface TaskStateOptions {
  /** The directory of the state; it is made if it is missing. */
  readonly directory: string
  readonly job: string
  readonly task: string
  readonly stores: readonly StoreDescription[]
  /** The topics whose checkpoints belong to the task. */
  readonly inputs: readonly string[]
  readonly env: Env
  /** After this many changed bytes the state requests an early commit. Default 64 MiB. */
  readonly dirtyBytesMax?: number
  /** Entries in memory, changed or not; a commit makes room. Default 100,000. */
  readonly entriesMax?: number
  /** Default: LevelDB. */
  readonly engine?: LevelEngine
}

/** An open state, and what was found in its directory. */
export interface OpenedState {
  readonly state: TaskState
  /** `fresh`: there was no state. `reused`: the state is used as it was. `rebuilt`: the old state was deleted. */
  readonly opened: 'fresh' | 'reused' | 'rebuilt'
  /** A message for the user: why a state was deleted. */
  readonly note: string | undefined
}

/**
 * Opens a task's state. A state that cannot be trusted (damage, another format, other stores) is deleted and opened empty, at
 * position 0: the changelog has everything. Throws `STATE_SERDE_CHANGED` if a store's entries were written with another serde
 * or window size, as the changelog's entries were then too, and `JOB_RUNNING` if another process has it open.
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
    const reason = fresh ? 'it did not exist' : await openTrusted(database, engine, identity, state, env)
    if (reason === undefined) return { state, opened: 'reused', note: undefined }
    await openEmpty(database, state, task)
    if (fresh) return { state, opened: 'fresh', note: undefined }
    return {
      state,
      opened: 'rebuilt',
      note: `The local state of task ${task} in ${directory} is rebuilt from the changelog: ${reason}`,
    }
  } catch (error) {
    await database.close()
    throw error
  }
}

/** Throws `STATE_REBUILD_FAILED` if the disk does not even accept an empty state. */
async function openEmpty(database: Database, state: LevelTaskState, task: string): Promise<void> {
  try {
    await database.destroy()
    await database.open()
    await state.load(null)
  } catch (error) {
    if (error instanceof MillraceError) throw error
    throw new FatalError(
      'STATE_REBUILD_FAILED',
      `The local state of task ${task} cannot be created in ${database.directory}: ` +
        `${error instanceof Error ? messageOf(error) : String(error)}. Check the disk, and start again. Nothing is lost`,
      { task, file: database.directory, cause: error },
    )
  }
}

/** Opens the existing state. If it cannot be used, returns the reason. */
async function openTrusted(
  database: Database,
  engine: LevelEngine,
  identity: StateIdentity,
  state: LevelTaskState,
  env: Env,
): Promise<string | undefined> {
  try {
    const damage = await engine.check(env, database.directory)
    // Opened even if damaged: whatever happens to it next, no other process may have it open.
    await database.open()
    if (damage !== undefined) return damage
    const identityBytes = database.record(IDENTITY_KEY)
    const positionBytes = database.record(POSITION_KEY)
    if (identityBytes === undefined || positionBytes === undefined) return 'its identity or position is missing'
    const found: StateIdentity = JSON.parse(identityBytes.toString())
    const difference = identityDifference(found, identity)
    // Another version describes its stores in another way.
    if (found.version !== identity.version) return difference
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

/** A directory that cannot be read does not count as empty: opening it reports why it cannot be read. */
function isEmpty(env: Env, directory: string): boolean {
  try {
    return env.files.stat(directory) === undefined || env.files.list(directory).length === 0
  } catch {
    return false
  }
}
