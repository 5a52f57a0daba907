import type { Windowed } from '@millrace/core'
import { type InstantEntry, type InstantStore, nextWindowStart } from '@millrace/core/internal'
import type { EventTime } from '../../task/event-time.ts'
import { TableOperator } from '../operator.ts'
import type { Completion } from './finals.ts'

/** The rows of windows that have changed since they were passed on: by windowed key, at the time at which they are due. */
type PendingRows = InstantStore<unknown, unknown>

/** Rows are passed on at multiples of this; each at the latest when its window closes. */
export interface EmitEvery {
  readonly everyMs: number
  readonly graceMs: number
}

/**
 * What is due has its time reached. A result has the last time before that, and inside its window: so the last one has the time
 * of a final.
 */
export function whenDue({ graceMs }: EmitEvery): Completion<InstantEntry<unknown, unknown>> {
  const timeOf = ({ key, at }: InstantEntry<unknown, unknown>) =>
    Math.min(at, (key as Windowed<unknown>).window.end) - 1
  return { delayMs: 0, resultMs: -graceMs - 1, advanceMs: 1, timeOf }
}

/**
 * Takes each change of a windowed table, and notes that its row is due, with the value that was passed on last: the old value of the
 * next change. A row is due at the next multiple of `everyMs` after the time of the change and of this step, and at the latest
 * when its window closes. Until then further changes of it need nothing.
 */
export class NotePendingOperator extends TableOperator {
  readonly #every: EmitEvery
  readonly #time: EventTime
  readonly #pending: PendingRows

  constructor(every: EmitEvery, time: EventTime, pending: PendingRows) {
    super()
    this.#every = every
    this.#time = time
    this.#pending = pending
  }

  change(windowed: unknown, _value: unknown, old: unknown, timestamp: number): void {
    const pending = this.#pending
    const { everyMs, graceMs } = this.#every
    const { watermark } = this.#time
    let last = old
    for (const entry of pending.ofKey(windowed)) {
      if (entry.at > watermark) return
      // It was due, and what follows failed: then the row was not passed on.
      last = entry.value
      pending.set(entry, undefined)
    }
    const { end } = (windowed as Windowed<unknown>).window
    const due = Math.min(nextWindowStart(Math.max(watermark, timestamp), everyMs), end + graceMs)
    pending.set(pending.find(windowed, due, 0), last)
  }
}

/** Passes on a row that is due, unless it is as it was before. */
export class PassPendingOperator extends TableOperator {
  readonly #pending: PendingRows
  readonly #next: TableOperator

  constructor(pending: PendingRows, next: TableOperator) {
    super()
    this.#pending = pending
    this.#next = next
  }

  change(windowed: unknown, value: unknown, old: unknown, timestamp: number): void {
    for (const entry of this.#pending.ofKey(windowed)) {
      this.#pending.set(entry, undefined)
    }
    if (value !== null || old !== null) this.#next.change(windowed, value, old, timestamp)
  }
}
