import type { Clock } from '@millrace/core'
import type { Outputs } from '../task/outputs.ts'
import type { Task, TaskCommit } from '../task/task.ts'
import { commitTasks, type FailedApply } from './commit.ts'
import type { Failure } from './loop-rest.ts'
import type { RebuildBudget } from './rebuild-budget.ts'

/** What a container's commits need from it. */
export interface CommitsOptions {
  readonly clock: Clock
  readonly intervalMs: number
  readonly rebuilds: RebuildBudget
  /** Called for each task whose store a commit has reached. */
  readonly applied: (commit: TaskCommit) => void
  /** Called when a commit is over, with the reason if it failed. */
  readonly ended: (failure?: Failure) => void
}

/** A container's commits, one after the other; each runs while the tasks process what comes after it. */
export class Commits {
  readonly #options: CommitsOptions
  #underWay: Promise<void> | undefined
  #nextMs: number
  #behind: readonly FailedApply[] = []

  constructor(options: CommitsOptions) {
    this.#options = options
    this.#nextMs = options.clock.monotonic() + options.intervalMs
  }

  /** Settles when the commit under way is over, and never rejects; undefined if no commit is under way. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay
  }

  /** The time until a commit is due, ms; 0 or less if one is due. */
  get dueInMs(): number {
    return this.#nextMs - this.#options.clock.monotonic()
  }

  /** The stores that the last commit did not reach; the caller must restore them. */
  takeStaleStores(): readonly FailedApply[] {
    const behind = this.#behind
    this.#behind = []
    return behind
  }

  /**
   * Freezes tasks at one moment, and lets the rest of their commit run in the background. Must not be called while one is
   * under way.
   */
  start(outputs: Outputs, tasks: readonly Task[]): void {
    const { clock, intervalMs, rebuilds, applied, ended } = this.#options
    this.#nextMs = clock.monotonic() + intervalMs
    const due = tasks.filter((task) => task.dirty)
    if (due.length === 0) return
    this.#underWay = commitTasks(outputs, due, applied).then(
      (failed) => {
        this.#underWay = undefined
        this.#behind = failed
        if (failed.length === 0) rebuilds.renew()
        ended()
      },
      (error: unknown) => {
        this.#underWay = undefined
        ended({ error })
      },
    )
  }
}
