import type { Clock } from '@millrace/core'
import type { Outputs } from '../task/outputs.ts'
import type { Task, TaskCommit } from '../task/task.ts'
import { commitTasks, type FailedApply } from './commit.ts'
import type { RebuildBudget } from './rebuild-budget.ts'

/** What went wrong beside a container's loop, to be thrown in it. */
export interface Failure {
  readonly error: unknown
}

/** What a container's commits need of it. */
export interface CommitsOptions {
  readonly clock: Clock
  readonly intervalMs: number
  readonly rebuilds: RebuildBudget
  /** Told of each task whose store a commit has reached. */
  readonly applied: (commit: TaskCommit) => void
  /** Told when a commit is over, and why it failed if it did. */
  readonly ended: (failure?: Failure) => void
}

/** A container's commits, one after the other, each beside the processing of what comes after it. */
export class Commits {
  readonly #options: CommitsOptions
  #underWay: Promise<void> | undefined
  #nextMs: number
  #behind: readonly FailedApply[] = []

  constructor(options: CommitsOptions) {
    this.#options = options
    this.#nextMs = options.clock.monotonic() + options.intervalMs
  }

  /** Settles when the commit that is on its way is over, and never rejects; undefined where none is. */
  get underWay(): Promise<void> | undefined {
    return this.#underWay
  }

  /** How long it is until a commit is due, ms; nothing or less where one is. */
  get dueInMs(): number {
    return this.#nextMs - this.#options.clock.monotonic()
  }

  /** The stores that the last commit did not reach, from now on the caller's concern. */
  takeBehind(): readonly FailedApply[] {
    const behind = this.#behind
    this.#behind = []
    return behind
  }

  /** Freezes tasks at one moment, and lets the rest of their commit go on by itself. Not while one is under way. */
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
