import type { JobProblem, Log, MillraceError } from '@millrace/core'
import type { Subscription } from 'rxjs'

/** Failures in the log that happen beside a job's work and do not stop it: a notice for each new one, and the list. */
export class JobProblems {
  readonly #notice: (message: string) => void
  readonly #subscription: Subscription
  #list: readonly JobProblem[] = []

  constructor(log: Log, notice: (message: string) => void) {
    this.#notice = notice
    this.#subscription = log.cleaningFailures.subscribe((failures) => this.#report(failures))
  }

  get list(): readonly JobProblem[] {
    return this.#list
  }

  close(): void {
    this.#subscription.unsubscribe()
  }

  #report(failures: readonly MillraceError[]): void {
    const known = new Set(this.#list.map(({ message }) => message))
    this.#list = failures.map(({ code, message }) => ({ code, message }))
    for (const { message } of failures) if (!known.has(message)) this.#notice(message)
  }
}
