import type { RunningCounts } from '../task/task-counts.ts'
import type { StreamOperator } from './operator.ts'

/** Where the records go that come too late for a step. */
export interface LateRecords {
  /** Counts one late record; called once for each. */
  count(): void
  readonly next: StreamOperator | undefined
}

/** Counts late records among those of the task. */
export function lateRecords(counts: RunningCounts, next: StreamOperator | undefined): LateRecords {
  const count = () => {
    counts.late++
  }
  return { count, next }
}
