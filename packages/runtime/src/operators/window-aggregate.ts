import { type Serde, windowed } from '@millrace/core'
import {
  type AggregateNode,
  isWindowClosed,
  lastWindowStart,
  type WindowEntry,
  type WindowSpec,
  type WindowStore,
} from '@millrace/core/internal'
import type { CurrentRecord } from '../task/current-record.ts'
import type { EventTime } from '../task/event-time.ts'
import { anySerde } from './any-serde.ts'
import { Finals, whenClosed } from './finals.ts'
import { type Fold, foldOf, foldRecord } from './fold.ts'
import { type LateRecords, lateRecords } from './late-records.ts'
import { StreamOperator, type TableOperator } from './operator.ts'
import { requireKey } from './require-key.ts'
import type { Connect, StepContext } from './step-context.ts'
import { TimedResultsOperator } from './timed-results.ts'

/** An aggregate by key and window. Results that come when a window closes come from `Finals`. */
export function compileWindowAggregate(node: AggregateNode, windows: WindowSpec, context: StepContext): Connect {
  const { record, counts, units } = context
  const [{ name, key, value }] = node.stores
  const time = context.timeBefore(node)
  const store = context.windowStore(node.stores[0], time)
  const final = node.emit === 'final'
  const finals =
    final && context.feedsTable(node)
      ? new Finals(name, whenClosed(windows), time, store, windowedKey, record)
      : undefined
  if (finals !== undefined) {
    context.drive(finals)
    context.holdBack(node, name, time, finals)
  }
  return () => {
    const next = context.tableAfter(node)
    if (finals !== undefined && next !== undefined) {
      const rowKey = windowed(anySerde(key)) as Serde<unknown>
      finals.next = new TimedResultsOperator(node.label, rowKey, anySerde(value), finals, units, next)
    }
    const late = lateRecords(counts, context.lateAfter(node))
    const fold = foldOf(node, context)
    return [new WindowAggregateOperator(fold, windows, time, record, store, late, final ? undefined : next)]
  }
}

/** The key of a window's row. */
export function windowedKey({ key, start, end }: WindowEntry<unknown, unknown>): unknown {
  return { key, window: { start, end } }
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
  readonly #windows: WindowSpec
  readonly #time: EventTime
  readonly #record: CurrentRecord
  readonly #store: WindowStore<unknown, unknown>
  readonly #late: LateRecords
  readonly #next: TableOperator | undefined

  constructor(
    fold: Fold,
    windows: WindowSpec,
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
    const closed = this.#time.watermark
    const own = this.#record.watermark
    const watermark = Math.max(own, closed)
    let late = false
    let start = lastWindowStart(timestamp, windows.advanceMs)
    for (; start + windows.sizeMs > timestamp; start -= windows.advanceMs) {
      if (isWindowClosed(start, watermark, windows)) {
        late = true
        break // All earlier windows are closed as well.
      }
      this.#add(key, value, timestamp, start)
    }
    if (late) {
      this.#late.count()
      this.#late.next?.process(key, value, timestamp)
    }
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
