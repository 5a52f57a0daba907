/** Who waits until a container has processed and committed everything that there is. */
export class CatchUp {
  readonly #report: () => void
  #waiting: PromiseWithResolvers<void>[] = []
  /** Those who waited when the loop began its present round. */
  #seen: PromiseWithResolvers<void>[] = []

  /** `report` is called before a promise of `wait` resolves. */
  constructor(report: () => void) {
    this.#report = report
  }

  /** Resolves after a whole round of the loop that finds nothing more to do: what happened before the call has had its effects. */
  wait(): Promise<void> {
    const waiter = Promise.withResolvers<void>()
    this.#waiting.push(waiter)
    return waiter.promise
  }

  /**
   * Called by the loop before it rests. `isQuiet` is called only if someone waits, and returns whether everything is processed
   * and committed. Returns whether the loop must go round once more at once.
   */
  mustGoRound(isQuiet: () => boolean): boolean {
    if (this.#waiting.length + this.#seen.length === 0 || !isQuiet()) return false
    if (this.#seen.length > 0) this.#report()
    for (const { resolve } of this.#seen) resolve()
    this.#seen = this.#waiting
    this.#waiting = []
    return this.#seen.length > 0
  }
}
