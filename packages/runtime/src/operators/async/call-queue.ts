import type { CallPlan, PendingCall } from '@millrace/core/internal'
import { Fifo } from './fifo.ts'
import type { Outcome } from './tries.ts'

/** A record that waits for its call, or whose call is under way or done. */
export interface QueuedCall extends PendingCall<unknown, unknown> {
  /** Its number among all that have come to the step in this task. */
  readonly number: number
  /** What the call gave; undefined until it is done. */
  outcome: Outcome | undefined
}

/** The records of a step whose results have not left it, in the order in which they came. */
export class CallQueue {
  readonly #order: CallPlan['order']
  readonly #calls = new Map<number, QueuedCall>()
  readonly #waiting = new Fifo<QueuedCall>()
  /** With `input` all of them, else those that are done: in the order in which they leave. */
  readonly #leaving = new Fifo<QueuedCall>()
  readonly #watermarks = new LeastOf()

  constructor(order: CallPlan['order']) {
    this.#order = order
  }

  get size(): number {
    return this.#calls.size
  }

  /** The number of the first one; undefined if there is none. */
  get first(): number | undefined {
    const [first] = this.#calls.keys()
    return first
  }

  /** The least watermark that came with one of them; infinite if there is none. */
  get watermark(): number {
    return this.#watermarks.least
  }

  /** Whether one waits for its call. */
  get hasWaiting(): boolean {
    return this.#waiting.first !== undefined
  }

  [Symbol.iterator](): Iterator<QueuedCall> {
    return this.#calls.values()
  }

  /** Adds one that has come behind all others. A deletion needs no call. */
  add(call: QueuedCall): void {
    this.#calls.set(call.number, call)
    this.#watermarks.add(call.watermark)
    if (this.#order === 'input') this.#leaving.add(call)
    if (call.value !== null) this.#waiting.add(call)
    else this.done(call, { result: null })
  }

  /** The next one whose call is to be made. */
  takeWaiting(): QueuedCall | undefined {
    return this.#waiting.take()
  }

  done(call: QueuedCall, outcome: Outcome): void {
    call.outcome = outcome
    if (this.#order === 'any') this.#leaving.add(call)
  }

  /** Whether a result is there that may leave. */
  get hasResult(): boolean {
    return this.#leaving.first?.outcome !== undefined
  }

  /** Takes the one whose result leaves next, out of all. */
  takeResult(): QueuedCall | undefined {
    if (!this.hasResult) return undefined
    const call = this.#leaving.take()
    if (call === undefined) return undefined
    this.#calls.delete(call.number)
    this.#watermarks.remove(call.watermark)
    return call
  }
}

/** Numbers that come and go, of which many are the same, and the least of them. */
class LeastOf {
  readonly #counts = new Map<number, number>()
  least = Number.POSITIVE_INFINITY

  add(value: number): void {
    this.#counts.set(value, (this.#counts.get(value) ?? 0) + 1)
    if (value < this.least) this.least = value
  }

  remove(value: number): void {
    const left = (this.#counts.get(value) ?? 0) - 1
    if (left > 0) {
      this.#counts.set(value, left)
      return
    }
    this.#counts.delete(value)
    if (value > this.least) return
    this.least = Number.POSITIVE_INFINITY
    for (const other of this.#counts.keys()) if (other < this.least) this.least = other
  }
}
