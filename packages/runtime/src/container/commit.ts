import { StateDamagedError } from '@millrace/core'
import type { Outputs } from '../task/outputs.ts'
import type { Task, TaskCommit } from '../task/task.ts'

/** A task whose store failed during a commit: it is behind its changelog, or cannot be used, and must be restored. */
export interface FailedApply {
  readonly task: Task
  readonly error: unknown
}

/**
 * Commits a container's tasks, in the order that makes state, input positions and outputs visible together:
 *
 * 1. `freeze` takes offsets and changed entries of all tasks, synchronously;
 * 2. outputs and groups (a task's entries and its checkpoint) go to the log, and what was read is made durable;
 * 3. the log's transaction is committed: from here on all of it is committed, and visible;
 * 4. the same entries go to each task's store, in one batch with the position.
 *
 * A crash before 3 leaves nothing (with at-least-once: outputs that will repeat); a crash between 3 and 4 costs a short
 * replay of the changelog. Rejects if step 2 or 3 fails: then the log decides what was committed, and the container must
 * stop. A store that fails in step 1 is returned, and nothing is committed: all tasks must be rolled back. The failures of
 * step 4 are returned: those stores are behind their changelog and must be restored from it.
 */
export async function commitTasks(
  outputs: Outputs,
  tasks: readonly Task[],
  committed: (commit: TaskCommit) => void,
): Promise<readonly FailedApply[]> {
  const commits: TaskCommit[] = []
  for (const task of tasks) {
    try {
      commits.push(task.freeze())
    } catch (error) {
      if (error instanceof StateDamagedError) return [{ task, error }]
      throw error
    }
  }
  const secured = Promise.all(tasks.map((task) => task.secureInputs()))
  const positions = await outputs.commit(
    commits.map(({ group }) => group),
    secured,
  )
  const failed: FailedApply[] = []
  await Promise.all(
    commits.map(async (commit, index) => {
      const position = positions[index]
      if (position === undefined) throw new Error(`The commit of task ${commit.task.id} has no position`)
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
