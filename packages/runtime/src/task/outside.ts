import type { Clock, Random, Timers } from '@millrace/core'

/** What a task needs for calls to the outside world, which are done at any time. */
export interface Outside {
  readonly clock: Clock
  readonly timers: Timers
  readonly random: Random
  /** Called when a call is done while the task may be at rest: the task has something to do. */
  wake(): void
}
