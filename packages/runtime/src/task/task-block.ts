/**
 * Blocks a task while a step waits for something: the task takes no record, and nothing is committed. The waiting work
 * continues before the hold is over, so that no commit comes between.
 */
export class TaskBlock {
  readonly #resume: () => void
  #until: Promise<void> | undefined
  #failure: { readonly error: unknown } | undefined

  /** `resume` does what had to wait; it may wait again. */
  constructor(resume: () => void) {
    this.#resume = resume
  }

  /** Settles when the task may continue; undefined while it may. */
  get until(): Promise<void> | undefined {
    return this.#until
  }

  /** Throws the error that ended a wait: what waited has had no effect, but counts as processed. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  begin(wait: Promise<unknown>): void {
    const resumed = Promise.all([this.#until, wait]).then(this.#resume)
    const until: Promise<void> = resumed.then(
      () => this.#end(until),
      (error: unknown) => {
        this.#failure = { error }
        this.#end(until)
      },
    )
    this.#until = until
  }

  #end(until: Promise<void>): void {
    if (this.#until === until) this.#until = undefined
  }
}
