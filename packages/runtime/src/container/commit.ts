import type { LogWriter } from '@millrace/core'
import { settleAll } from '@millrace/core/internal'
import type { Task, TaskCommit } from '../task/task.ts'

/** A task's commit that could not be finished locally: the log has it, the store does not. */
export interface FailedApply {
  readonly task: Task
  readonly error: unknown
}

/**
 * Commits a container's tasks, in the order that makes state and input positions one fact:
 *
 * 1. `freeze` took offsets and changed entries of all tasks, synchronously, before this is called;
 * 2. the outputs are flushed: whatever the frozen offsets have caused is in the log;
 * 3. each task's group (entries and checkpoint) is committed to the changelog: from here on it is true;
 * 4. the same entries go to each task's store, in one batch with the position.
 *
 * A crash between 2 and 3 repeats outputs; a crash between 3 and 4 costs a short replay of the changelog. Rejects where
 * step 2 or 3 fails: then the log decides what was committed, and the process must not go on. What fails in step 4 is
 * returned: those stores are behind their changelog and must be restored from it.
 */
export async function commitTasks(
  writer: LogWriter,
  commits: readonly TaskCommit[],
  committed: (commit: TaskCommit) => void,
): Promise<readonly FailedApply[]> {
  await writer.flush()
  const positions = await settleAll(commits.map(({ group }) => group.commit()))
  const failed: FailedApply[] = []
  await Promise.all(
    commits.map(async (commit, index) => {
      const position = positions[index]
      if (position === undefined) return
      try {
        await commit.state.apply(commit.frozen, position)
      } catch (error) {
        failed.push({ task: commit.task, error })
        return
      }
      commit.task.counts.commits++
      committed(commit)
    }),
  )
  return failed
}
