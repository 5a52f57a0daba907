import type { WindowStore } from '@millrace/core/internal'
import type { EventTime } from '../task/event-time.ts'
import { type Fold, foldRecord, requireKey } from './aggregate.ts'
import { StreamOperator, type TableOperator } from './operator.ts'

/** The windows of an aggregate, in ms. */
export interface WindowTimes {
  readonly sizeMs: number
  readonly advanceMs: number
  readonly graceMs: number
  readonly retentionMs: number | undefined
}

/** Where the records go that come after their window has closed. */
export interface LateRecords {
  /** Counts one; called once per record and window that it is too late for. */
  count(): void
  readonly next: StreamOperator | undefined
}

/**
 * Folds the records of each key and window into a total; a table by windowed key.
 *
 * A window takes records until the watermark has passed its end by the grace; then it is closed, and what still comes
 * for it is late: counted, and passed to the late stream, once per record. With `final` each window's total goes
 * downstream when it closes, and not before.
 */
export class WindowAggregateOperator extends StreamOperator {
  readonly #fold: Fold
  readonly #times: WindowTimes
  readonly #final: boolean
  readonly #time: EventTime
  readonly #store: WindowStore<unknown, unknown>
  readonly #late: LateRecords
  readonly #next: TableOperator | undefined
  /** Windows that start before this have been closed. */
  #closedBefore = Number.MIN_SAFE_INTEGER

  constructor(
    fold: Fold,
    times: WindowTimes,
    final: boolean,
    time: EventTime,
    store: WindowStore<unknown, unknown>,
    late: LateRecords,
    next: TableOperator | undefined,
  ) {
    super()
    this.#fold = fold
    this.#times = times
    this.#final = final
    this.#time = time
    this.#store = store
    this.#late = late
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const { sizeMs, advanceMs, graceMs } = this.#times
    const watermark = this.#time.watermark
    // The last window that holds the record starts at the multiple of the advance at or before it.
    let start = timestamp - (((timestamp % advanceMs) + advanceMs) % advanceMs)
    let late = false
    for (; start + sizeMs > timestamp; start -= advanceMs) {
      if (start + sizeMs + graceMs <= watermark) {
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
    this.#store.set(entry, total)
    if (this.#final) {
      const closes = start + this.#times.sizeMs + this.#times.graceMs
      if (closes < this.#time.nextClose) this.#time.nextClose = closes
    } else {
      this.#next?.change(this.#windowed(key, start), total, old ?? null, timestamp)
    }
  }

  /** Emits the totals of the windows that the watermark has closed since the last call. */
  close(): void {
    if (!this.#final) return
    const { sizeMs, graceMs } = this.#times
    const before = firstOpenStart(this.#time.watermark, this.#times)
    if (before > this.#closedBefore) {
      const next = this.#next
      if (next !== undefined) {
        this.#store.forEachWindow(this.#closedBefore, before, (key, start, total) => {
          // A window's result has the last time that lies inside it.
          next.change(this.#windowed(key, start), total, null, start + sizeMs - 1)
        })
      }
      this.#closedBefore = before
    }
    // The earliest window that can still be open: it may be empty, which costs one look.
    const closes = before + sizeMs + graceMs
    if (closes < this.#time.nextClose) this.#time.nextClose = closes
  }

  /** After a restore: the windows that the checkpoint's watermark has closed were emitted before it. */
  resume(): void {
    if (!this.#final || this.#time.watermark === Number.NEGATIVE_INFINITY) return
    this.#closedBefore = firstOpenStart(this.#time.watermark, this.#times)
    const closes = this.#closedBefore + this.#times.sizeMs + this.#times.graceMs
    if (closes < this.#time.nextClose) this.#time.nextClose = closes
  }

  /** Deletes the windows whose retention is over; called at commits. */
  expire(): void {
    const { sizeMs, retentionMs } = this.#times
    if (retentionMs === undefined || this.#time.watermark === Number.NEGATIVE_INFINITY) return
    this.#store.expire(this.#time.watermark - retentionMs - sizeMs)
  }

  #windowed(key: unknown, start: number): unknown {
    return { key, window: { start, end: start + this.#times.sizeMs } }
  }
}

/** The start of the first window that is still open at a watermark: the first whose end + grace lies after it. */
function firstOpenStart(watermark: number, { sizeMs, advanceMs, graceMs }: WindowTimes): number {
  const closedUpTo = watermark - sizeMs - graceMs
  return closedUpTo - (((closedUpTo % advanceMs) + advanceMs) % advanceMs) + advanceMs
}
