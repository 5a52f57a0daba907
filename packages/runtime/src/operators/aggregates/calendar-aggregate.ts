import { type AggregateNode, Calendar, type CalendarWindows, type IntervalStore } from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { StreamOperator, type TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { Connect, StepContext } from '../step-context.ts'
import { whenEnded } from '../time/finals.ts'
import { judgingWatermark, type LateRecords, passLate } from '../time/late-records.ts'
import { type Fold, foldRecord } from './fold.ts'
import { windowResults } from './window-results.ts'

/** An aggregate by key and window of the calendar. */
export function compileCalendarAggregate(node: AggregateNode, windows: CalendarWindows, context: StepContext): Connect {
  const time = context.timeBefore(node)
  const store = context.intervalStore(node.stores[0], time)
  const connect = windowResults(node, whenEnded(windows), time, store, context)
  return () => {
    const { fold, late, next } = connect()
    return [new CalendarAggregateOperator(fold, windows, time, context.record, store, late, next)]
  }
}

/** As `WindowAggregateOperator`, with windows of the calendar. A record is in one of them. */
class CalendarAggregateOperator extends StreamOperator {
  readonly #fold: Fold
  readonly #calendar: Calendar
  readonly #graceMs: number
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #store: IntervalStore<unknown, unknown>
  readonly #late: LateRecords
  readonly #next: TableOperator | undefined

  constructor(
    fold: Fold,
    windows: CalendarWindows,
    time: EventTime,
    record: CurrentRecord,
    store: IntervalStore<unknown, unknown>,
    late: LateRecords,
    next: TableOperator | undefined,
  ) {
    super()
    this.#fold = fold
    this.#calendar = new Calendar(windows)
    this.#graceMs = windows.graceMs
    this.#time = time
    this.#record = record
    this.#store = store
    this.#late = late
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const window = this.#calendar.windowAt(timestamp)
    if (window.end + this.#graceMs <= judgingWatermark(this.#record, this.#time)) {
      passLate(this.#late, key, value, timestamp)
      return
    }
    const entry = this.#store.find(key, window.start, window.end)
    const old = entry.value
    const total = foldRecord(this.#fold, old, value, key)
    const time = old === undefined || timestamp > entry.time ? timestamp : entry.time
    this.#store.set(entry, total, time)
    this.#next?.change({ key, window }, total, old ?? null, time)
  }
}
