import { MillraceError } from '@millrace/core'
import { type OpenedState, openTaskState, type TaskStateOptions } from '@millrace/state'

/** A process that was stopped may hold a task's directory; several of them one after the other are hardly ever met. */
const COPIES_MAX = 8

/**
 * Opens a task's local state where it was last written, or, where another process still holds that (one that is stopped,
 * and was fenced), beside it. Each copy is a cache of the changelog that knows its own position. Throws `JOB_RUNNING` where
 * all are held.
 */
export async function openLocalState(options: TaskStateOptions): Promise<OpenedState> {
  for (let copy = 1; ; copy++) {
    const directory = copy === 1 ? options.directory : `${options.directory}.${copy}`
    try {
      return await openTaskState({ ...options, directory })
    } catch (error) {
      const held = error instanceof MillraceError && error.code === 'JOB_RUNNING'
      if (!held || copy === COPIES_MAX) throw error
    }
  }
}
