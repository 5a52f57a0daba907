import type { Timers } from '@millrace/core'

interface Pending {
  readonly at: number
  readonly callback: () => void
}

/** Timers whose clock the test turns by hand. */
export class HandTimers implements Timers {
  #now = 0
  readonly #pending = new Set<Pending>()

  after(delayMs: number, callback: () => void) {
    const pending = { at: this.#now + delayMs, callback }
    this.#pending.add(pending)
    return { cancel: () => void this.#pending.delete(pending) }
  }

  turn(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve))
  }

  /** How many timers wait. */
  get waiting(): number {
    return this.#pending.size
  }

  advance(ms: number): void {
    const until = this.#now + ms
    for (;;) {
      const [next] = [...this.#pending].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)
      if (next === undefined) break
      this.#pending.delete(next)
      this.#now = next.at
      next.callback()
    }
    this.#now = until
  }
}
