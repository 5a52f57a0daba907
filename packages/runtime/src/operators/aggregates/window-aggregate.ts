import {
  type AggregateNode,
  type FixedWindows,
  isWindowClosed,
  lastWindowStart,
  type WindowStore,
} from '@millrace/core/internal'
import type { CurrentRecord } from '../../task/current-record.ts'
import type { EventTime } from '../../task/event-time.ts'
import { StreamOperator, type TableOperator } from '../operator.ts'
import { requireKey } from '../require-key.ts'
import type { Connect, StepContext } from '../step-context.ts'
import { whenClosed } from '../time/finals.ts'
import { judgingWatermark, type LateRecords, passLate } from '../time/late-records.ts'
import { type Fold, foldRecord } from './fold.ts'
import { windowResults } from './window-results.ts'

/** An aggregate by key and window of one size. */
export function compileWindowAggregate(node: AggregateNode, windows: FixedWindows, context: StepContext): Connect {
  const time = context.timeBefore(node)
  const store = context.windowStore(node.stores[0], time)
  const connect = windowResults(node, whenClosed(windows), time, store, context)
  return () => {
    const { fold, late, next } = connect()
    return [new WindowAggregateOperator(fold, windows, time, context.record, store, late, next)]
  }
}

/**
 * Folds the records of each key and window into a total; a table by windowed key.
 *
 * A record is late for a window if the watermark of the record's source partition had passed the window's end by the grace: that
 * depends on the data alone. It is late too if the window has closed here, which happens earlier only after an idle
 * time-out. Late records are counted, and passed to the late stream, once each. Without `next`, no results are emitted while
 * records come: `Finals` emits them when windows close.
 */
export class WindowAggregateOperator extends StreamOperator {
  readonly #fold: Fold
  readonly #windows: FixedWindows
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #store: WindowStore<unknown, unknown>
  readonly #late: LateRecords
  readonly #next: TableOperator | undefined

  constructor(
    fold: Fold,
    windows: FixedWindows,
    time: EventTime,
    record: CurrentRecord,
    store: WindowStore<unknown, unknown>,
    late: LateRecords,
    next: TableOperator | undefined,
  ) {
    super()
    this.#fold = fold
    this.#windows = windows
    this.#time = time
    this.#record = record
    this.#store = store
    this.#late = late
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const windows = this.#windows
    const watermark = judgingWatermark(this.#record, this.#time)
    let late = false
    let start = lastWindowStart(timestamp, windows.advanceMs)
    for (; start + windows.sizeMs > timestamp; start -= windows.advanceMs) {
      if (isWindowClosed(start, watermark, windows)) {
        late = true
        break // All earlier windows are closed as well.
      }
      this.#add(key, value, timestamp, start)
    }
    if (late) passLate(this.#late, key, value, timestamp)
  }

  #add(key: unknown, value: unknown, timestamp: number, start: number): void {
    const entry = this.#store.find(key, start)
    const old = entry.value
    const total = foldRecord(this.#fold, old, value, key)
    const time = old === undefined || timestamp > entry.time ? timestamp : entry.time
    this.#store.set(entry, total, time)
    this.#next?.change({ key, window: { start, end: start + this.#windows.sizeMs } }, total, old ?? null, time)
  }
}
