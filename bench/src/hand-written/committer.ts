const COMMIT_INTERVAL_MS = 100

/**
 * Commits every 100 ms, as a job does. `freeze` takes at once what a commit holds. The function that it returns makes that
 * durable while processing continues. One commit runs at a time.
 */
export class Committer {
  readonly #freeze: () => () => Promise<void>
  #due = performance.now() + COMMIT_INTERVAL_MS
  #running: Promise<void> | undefined

  constructor(freeze: () => () => Promise<void>) {
    this.#freeze = freeze
  }

  /** Called between batches: begins a commit when it is due, and lets a running commit continue. */
  async turn(): Promise<void> {
    if (this.#running === undefined && performance.now() >= this.#due) this.#begin()
    if (this.#running !== undefined) await new Promise((resolve) => setImmediate(resolve))
  }

  /** Commits what is left. */
  async finish(): Promise<void> {
    await this.#running
    this.#begin()
    await this.#running
  }

  #begin(): void {
    this.#due = performance.now() + COMMIT_INTERVAL_MS
    this.#running = this.#freeze()().finally(() => {
      this.#running = undefined
    })
  }
}
