import type { Env, Gap, Position, TopicSettings } from '@millrace/core'
import type { Beginnings } from '../catalog/catalog.ts'
import type { Fence } from '../task/output-fence.ts'
import { readChecked, writeChecked } from './checked-file.ts'
import { makeSavepoints, savepointsDirectory } from './savepoint-directory.ts'

/** It is there from when a restore is decided until it is done. */
const RESTORE_FILE = '.restoring'

/** A restore that was decided. */
export interface UnfinishedRestore {
  readonly id: string
  /** Null: the job begins again, with no state, at the start of its inputs. */
  readonly savepoint: string | null
  /** The settings of the job's changelog when it was decided. */
  readonly changelog: Partial<TopicSettings>
  readonly repeatOutputs: boolean
  readonly fences: readonly Fence[]
  /** Without a savepoint: the place that was chosen; what it does not list stays where it is. Absent: the start of the inputs. */
  readonly target?: Position
  readonly beginnings?: Beginnings
  readonly skipped?: readonly Gap[]
  /**
   * The topic that gets another number of partitions: the restore holds once the log has the topic with this id, and is given up
   * otherwise.
   */
  readonly rescaled?: { readonly topic: string; readonly id: string }
}

/** Where the savepoints of a job are. */
export interface SavepointsPlace {
  readonly job: string
  readonly env: Pick<Env, 'files'>
  readonly data: string
}

/** The restore of a job that was decided and is not done; undefined if there is none. */
export function readRestore({ job, env: { files }, data }: SavepointsPlace): UnfinishedRestore | undefined {
  const path = `${savepointsDirectory(data, job)}/${RESTORE_FILE}`
  // It is renamed into place when it is durable: it is there whole or not at all.
  return files.stat(path) === undefined ? undefined : (readChecked(files, path) as UnfinishedRestore)
}

/** Decides a restore, durably. */
export async function writeRestore(
  { job, env: { files }, data }: SavepointsPlace,
  restore: UnfinishedRestore,
): Promise<void> {
  const directory = savepointsDirectory(data, job)
  const fresh = `${directory}/${RESTORE_FILE}.new`
  await makeSavepoints(files, directory)
  files.remove(fresh)
  await writeChecked(files, fresh, restore)
  files.rename(fresh, `${directory}/${RESTORE_FILE}`)
  await files.syncDirectory(directory)
}

/** The restore is done. */
export async function endRestore({ job, env: { files }, data }: SavepointsPlace): Promise<void> {
  const directory = savepointsDirectory(data, job)
  files.remove(`${directory}/${RESTORE_FILE}`)
  await files.syncDirectory(directory)
}
