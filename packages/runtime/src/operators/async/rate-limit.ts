import type { CallPlan } from '@millrace/core/internal'
import { Fifo } from './fifo.ts'

/** Lets so many tries begin in each span of a length, wherever the span starts. */
export class RateLimit {
  readonly #rate: NonNullable<CallPlan['rate']>
  /** When the last tries began, monotonic ms: at most as many as the limit allows. */
  readonly #begun = new Fifo<number>()
  #count = 0

  constructor(rate: NonNullable<CallPlan['rate']>) {
    this.#rate = rate
  }

  /** A try is to begin: returns 0 if it may, and counts it; else how long it must wait before it tries this again, ms. */
  take(nowMs: number): number {
    const { calls, perMs } = this.#rate
    const first = this.#begun.first
    if (this.#count === calls && first !== undefined) {
      const waitMs = first + perMs - nowMs
      if (waitMs > 0) return waitMs
      this.#begun.take()
      this.#count--
    }
    this.#begun.add(nowMs)
    this.#count++
    return 0
  }
}
