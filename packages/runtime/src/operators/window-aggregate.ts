import {
  firstOpenWindowStart,
  isWindowClosed,
  lastWindowStart,
  type WindowSpec,
  type WindowStore,
} from '@millrace/core/internal'
import type { EventTime } from '../task/event-time.ts'
import { type Fold, foldRecord, requireKey } from './aggregate.ts'
import { StreamOperator, type TableOperator } from './operator.ts'

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
  readonly #windows: WindowSpec
  readonly #final: boolean
  readonly #time: EventTime
  readonly #store: WindowStore<unknown, unknown>
  readonly #late: LateRecords
  readonly #next: TableOperator | undefined
  /** Windows that start before this have been closed. */
  #closedBefore = Number.MIN_SAFE_INTEGER

  constructor(
    fold: Fold,
    windows: WindowSpec,
    final: boolean,
    time: EventTime,
    store: WindowStore<unknown, unknown>,
    late: LateRecords,
    next: TableOperator | undefined,
  ) {
    super()
    this.#fold = fold
    this.#windows = windows
    this.#final = final
    this.#time = time
    this.#store = store
    this.#late = late
    this.#next = next
  }

  process(key: unknown, value: unknown, timestamp: number): void {
    if (value === null) return
    requireKey(this.#fold.step, key)
    const windows = this.#windows
    const { watermark } = this.#time
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
    this.#store.set(entry, total)
    if (this.#final) {
      const closes = start + this.#windows.sizeMs + this.#windows.graceMs
      if (closes < this.#time.nextClose) this.#time.nextClose = closes
    } else {
      this.#next?.change(this.#windowed(key, start), total, old ?? null, timestamp)
    }
  }

  /** Emits the totals of the windows that the watermark has closed since the last call. */
  close(): void {
    if (!this.#final) return
    const { sizeMs, graceMs } = this.#windows
    const before = firstOpenWindowStart(this.#time.watermark, this.#windows)
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
    this.#closedBefore = firstOpenWindowStart(this.#time.watermark, this.#windows)
    const closes = this.#closedBefore + this.#windows.sizeMs + this.#windows.graceMs
    if (closes < this.#time.nextClose) this.#time.nextClose = closes
  }

  #windowed(key: unknown, start: number): unknown {
    return { key, window: { start, end: start + this.#windows.sizeMs } }
  }
}
