import type { CallPlan } from '@millrace/core/internal'
import { CallTurns } from './call-turns.ts'
import { Fifo } from './fifo.ts'
import type { QueuedCall } from './queued-call.ts'
import type { Outcome } from './tries.ts'

/** The records of a step whose results have not left it, in the order in which they came. */
export class CallQueue {
  readonly #order: CallPlan['order']
  readonly #calls = new Map<number, QueuedCall>()
  readonly #waiting = new CallTurns()
  /** With `input` all of them, else those that are done: in the order in which they leave. */
  readonly #leaving = new Fifo<QueuedCall>()
  readonly #watermarks = new LeastOf()

  constructor(order: CallPlan['order']) {
    this.#order = order
  }

  get size(): number {
    return this.#calls.size
  }

  /** The number of the first one; undefined if the queue is empty. */
  get first(): number | undefined {
    const [first] = this.#calls.keys()
    return first
  }

  /** The least watermark that came with one of them; infinite if the queue is empty. */
  get watermark(): number {
    return this.#watermarks.least
  }

  /** The next one whose call is to be made; undefined if none waits for its call. */
  get nextWaiting(): QueuedCall | undefined {
    return this.#waiting.next
  }

  [Symbol.iterator](): Iterator<QueuedCall> {
    return this.#calls.values()
  }

  /** Adds one that has come behind all others. `done`: it needs no call. */
  add(call: QueuedCall, done: boolean): void {
    this.#calls.set(call.number, call)
    this.#watermarks.add(call.watermark)
    if (this.#order === 'input') this.#leaving.add(call)
    if (done) this.#leave(call, { result: null })
    else this.#waiting.add(call)
  }

  /** Takes the next one whose call is to be made. */
  takeWaiting(): QueuedCall | undefined {
    return this.#waiting.take()
  }

  /** The call is done that was taken for it. */
  done(call: QueuedCall, outcome: Outcome): void {
    this.#waiting.done(call)
    this.#leave(call, outcome)
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

  #leave(call: QueuedCall, outcome: Outcome): void {
    call.outcome = outcome
    if (this.#order === 'any') this.#leaving.add(call)
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
