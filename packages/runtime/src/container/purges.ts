import type { Clock } from '@millrace/core'
import type { Task } from '../task/task.ts'

/** Committed records are removed from repartition topics this often; it bounds disk, not correctness. */
const PURGE_INTERVAL_MS = 5000

/** Removes what later commits do not need from the repartition topics that tasks read. */
export class Purges {
  readonly #clock: Clock
  readonly #tasks: Iterable<Task>
  #nextMs = 0

  /** `tasks`: those that are open when a purge begins. */
  constructor(clock: Clock, tasks: Iterable<Task>) {
    this.#clock = clock
    this.#tasks = tasks
  }

  async whenDue(): Promise<void> {
    if (this.#clock.monotonic() >= this.#nextMs) await this.now()
  }

  async now(): Promise<void> {
    this.#nextMs = this.#clock.monotonic() + PURGE_INTERVAL_MS
    for (const task of this.#tasks) await task.purgeInputs()
  }
}
