import { MillraceError } from '@millrace/core'
import { type OpenedState, openTaskState, type TaskStateOptions } from '@millrace/state'
import { type CopyUse, StateCopies } from './state-copies.ts'

/** A task's local state, and which of its copies it is. */
export interface LocalState extends OpenedState {
  readonly copy: number
}

/**
 * Opens a task's local state: for its owner the copy that an owner had open last. If another process still holds that (a process
 * that is stopped, and was fenced; or a standby), opens another copy. Each copy is a cache of the changelog that records its own
 * position. Throws `JOB_RUNNING` if all copies are held.
 */
export async function openLocalState(options: TaskStateOptions, use: CopyUse = 'task'): Promise<LocalState> {
  const copies = new StateCopies(options.env.files, options.directory)
  let held: unknown
  for (const copy of copies.orderFor(use)) {
    try {
      return { ...(await openTaskState({ ...options, directory: copies.directoryOf(copy) })), copy }
    } catch (error) {
      if (!(error instanceof MillraceError) || error.code !== 'JOB_RUNNING') throw error
      held = error
    }
  }
  throw held
}
