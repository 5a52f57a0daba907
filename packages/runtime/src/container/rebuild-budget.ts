import { FatalError } from '@millrace/core'
import type { FailedApply } from './commit.ts'

/** If a store must be rebuilt again and again, its disk is not usable. */
const REBUILDS_MAX = 3

/** Counts how often stores had to be opened again since a commit last reached them all. */
export class RebuildBudget {
  readonly #job: string
  readonly #notice: (message: string) => void
  #rebuilds = 0

  constructor(job: string, notice: (message: string) => void) {
    this.#job = job
    this.#notice = notice
  }

  /** Counts stores that are about to be opened again. Throws `STATE_REBUILD_FAILED` if that happens too often. */
  spend(failed: readonly FailedApply[]): void {
    this.#rebuilds++
    for (const { task, error } of failed) {
      const reason = error instanceof Error ? error.message : String(error)
      if (this.#rebuilds > REBUILDS_MAX) {
        throw new FatalError(
          'STATE_REBUILD_FAILED',
          `The state of task ${task.id} failed again after it was rebuilt: ${reason}. Check the disk`,
          { job: this.#job, task: task.id, cause: error },
        )
      }
      this.#notice(`Task ${task.id} opens its store again: ${reason}`)
    }
  }

  /** A commit has reached every store. */
  renew(): void {
    this.#rebuilds = 0
  }
}
