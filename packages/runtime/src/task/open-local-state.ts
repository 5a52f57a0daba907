import { MillraceError } from '@millrace/core'
import { type OpenedState, openTaskState, type TaskStateOptions } from '@millrace/state'

/** A process that was stopped may hold a task's directory; several such processes one after the other are very rare. */
const COPIES_MAX = 8

/**
 * Opens a task's local state in the directory that was last written. If another process still holds that (a process that is
 * stopped, and was fenced), opens it in a directory beside it. Each copy is a cache of the changelog that records its own
 * position. Throws `JOB_RUNNING` if all directories are held.
 */
export async function openLocalState(options: TaskStateOptions): Promise<OpenedState> {
  for (let copy = 1; ; copy++) {
    const directory = copy === 1 ? options.directory : `${options.directory}.${copy}`
    try {
      return await openTaskState({ ...options, directory })
    } catch (error) {
      const inUse = error instanceof MillraceError && error.code === 'JOB_RUNNING'
      if (!inUse || copy === COPIES_MAX) throw error
    }
  }
}
