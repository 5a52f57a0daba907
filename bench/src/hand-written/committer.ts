const COMMIT_INTERVAL_MS = 100

/**
 * Commits every 100 ms, as a job does: `freeze` takes what a commit holds at once, and what it returns makes it durable
 * while processing goes on. One commit at a time.
 */
export class Committer {
  readonly #freeze: () => () => Promise<void>
  #due = performance.now() + COMMIT_INTERVAL_MS
  #running: Promise<void> | undefined

  constructor(freeze: () => () => Promise<void>) {
    this.#freeze = freeze
  }

  /** Called between batches: begins a commit when it is due, and lets one that runs go on. */
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
