import type { TaskCounts } from '@millrace/core'

/** A task's counters, as they run. */
export class RunningCounts implements TaskCounts {
  processed = 0
  repartitioned = 0
  emitted = 0
  late = 0
  duplicates = 0
  undecodable = 0
  keyless = 0
  failed = 0
  deadLettered = 0
  repeats = 0
  restored = 0
  commits = 0

  snapshot(): TaskCounts {
    return { ...this }
  }
}
