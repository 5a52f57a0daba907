import type { Clock, Random, Timers } from '@millrace/core'

/** What a task needs for calls to the outside world, which are done at any time. */
export interface Outside {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /**
   * Makes everything durable that the task has read by now; undefined if it is. No call may be made for a record that can still be lost:
   * another one would take its place, and have its idempotency key.
   */
  secure(): Promise<void> | undefined
  /** Called when a call is done while the task may be at rest: the task has something to do. */
  wake(): void
}
