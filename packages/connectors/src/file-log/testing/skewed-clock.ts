import type { Clock } from '@millrace/core'

/** A clock whose wall-clock time a test moves. */
export class SkewedClock implements Clock {
  readonly #clock: Clock
  skewMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    return this.#clock.now() + this.skewMs
  }

  monotonic(): number {
    return this.#clock.monotonic()
  }
}
