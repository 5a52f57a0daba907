import type { Timers } from '@millrace/core'
import { restFor } from './rest-for.ts'

/** Lets a loop that has nothing to do rest, until there is something to do again. */
export class LoopRest {
  readonly #timers: Timers
  #woken = new AbortController()

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Ends the rest, or the next one if no rest is under way. */
  wake(): void {
    this.#woken.abort()
  }

  /** Rests until `wait` settles, which the signal ends early. */
  async during(wait: (woken: AbortSignal) => Promise<void>): Promise<void> {
    await wait(this.#woken.signal)
    if (this.#woken.signal.aborted) this.#woken = new AbortController()
  }

  /** Rests for a time. */
  for(ms: number): Promise<void> {
    return this.during((woken) => restFor(this.#timers, ms, woken))
  }
}
