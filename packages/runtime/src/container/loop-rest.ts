import type { LogReader, Timers } from '@millrace/core'
import { restFor } from './rest-for.ts'

/**
 * How long a loop rests at most while tasks leave records that are there: the log's reader would not wait. A call that is done ends
 * the rest at once; what comes for other tasks waits for so long.
 */
const LEFT_RECORDS_REST_MS = 10

/** The tasks that take records. */
export interface RecordTakers {
  /** Whether a task leaves records for now that are there. */
  readonly leaveRecords: boolean
  /** Waits until there is a record for a task. */
  wait(reader: LogReader, timeoutMs: number, signal: AbortSignal): Promise<void>
}

/** An error beside a container's loop, to be thrown in the loop. */
export interface Failure {
  readonly error: unknown
}

/** Lets a loop that has nothing to do rest, until there is something to do again, or something failed beside it. */
export class LoopRest {
  readonly #timers: Timers
  #woken = new AbortController()
  #failure: Failure | undefined

  constructor(timers: Timers) {
    this.#timers = timers
  }

  /** Ends the rest, or the next one if no rest is under way; keeps the first failure. */
  wake(failure?: Failure): void {
    this.#failure ??= failure
    this.#woken.abort()
  }

  /** Throws what failed beside the loop. */
  throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** What failed is of no more concern. */
  forgetFailure(): void {
    this.#failure = undefined
  }

  /** Rests until `wait` settles, which the signal ends early. */
  async during(wait: (woken: AbortSignal) => Promise<void>): Promise<void> {
    await wait(this.#woken.signal)
    if (this.#woken.signal.aborted) this.#woken = new AbortController()
  }

  /** Rests until there is something to read for tasks that take it: records that they leave for now are there already. */
  forRecords(waitMs: number, tasks: RecordTakers, reader: LogReader): Promise<void> {
    if (tasks.leaveRecords) return this.for(Math.min(waitMs, LEFT_RECORDS_REST_MS))
    return this.during((woken) => tasks.wait(reader, waitMs, woken))
  }

  /** Rests for a time. */
  for(ms: number): Promise<void> {
    return this.during((woken) => restFor(this.#timers, ms, woken))
  }
}
