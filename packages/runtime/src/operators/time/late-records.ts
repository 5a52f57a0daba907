import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import type { RunningCounts } from '../../task/task-counts.ts'
import type { StreamOperator } from '../operator.ts'

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

/**
 * The watermark by which a step judges what the present record causes: that of the record's source partition, which depends on the
 * data alone. The time of the step is ahead of it only after an idle time-out.
 */
export function judgingWatermark(record: CurrentRecord, time: EventTime): number {
  return Math.max(record.watermark, time.watermark)
}

/** Whether something with this time, which the present record causes, comes too late for a step that takes it until the grace is over. */
export function isLate(record: CurrentRecord, time: EventTime, timestamp: number, graceMs: number): boolean {
  return judgingWatermark(record, time) > timestamp + graceMs
}

/** Counts a late record, and passes it on as it was. */
export function passLate(late: LateRecords, key: unknown, value: unknown, timestamp: number): void {
  late.count()
  late.next?.process(key, value, timestamp)
}
