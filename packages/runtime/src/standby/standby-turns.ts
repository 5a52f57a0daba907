import type { Clock, Timers } from '@millrace/core'
import { restFor } from '../container/rest-for.ts'
import type { Pacing } from '../task/changelog-follower.ts'

/** How long a standby reads the changelog before the tasks of its container get their turn: less than their slice of 5 ms. */
const STANDBY_SLICE_MS = 2
/** What a standby writes at once: LevelDB takes it in some milliseconds, which no task should wait for longer. */
const STANDBY_BATCH_BYTES = 1024 * 1024
/**
 * How long a standby that has caught up rests before it looks again: its container does not wake for each commit of another one.
 * A take-over reads what was committed meanwhile, which takes milliseconds.
 */
const STANDBY_REST_MS = 200

/**
 * The turns of a container's standbys: after each turn of the event loop, in which the tasks get a slice, one standby gets a
 * slice. So the time that standbys take from the tasks does not grow with their number.
 */
export class StandbyTurns {
  readonly #clock: Clock
  readonly #timers: Timers
  #last: Promise<void> = Promise.resolve()
  #opened: Promise<void> = Promise.resolve()

  constructor(clock: Clock, timers: Timers) {
    this.#clock = clock
    this.#timers = timers
  }

  /** The pacing of one standby. */
  pacing(): Pacing {
    let untilMs = 0
    const begin = () => {
      untilMs = this.#clock.monotonic() + STANDBY_SLICE_MS
    }
    return {
      batchBytes: STANDBY_BATCH_BYTES,
      pause: () => (this.#clock.monotonic() < untilMs ? undefined : this.#next().then(begin)),
      rest: (signal) => restFor(this.#timers, STANDBY_REST_MS, signal),
    }
  }

  /**
   * Opens the state of one standby at a time. An open checks all files, and reads one of them in each turn of the event loop; the
   * tasks would wait for those of all standbys. Rejects with the signal's reason if that is aborted before the open begins.
   */
  async open<T>(open: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const before = this.#opened
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#opened = promise
    await before
    try {
      signal.throwIfAborted()
      return await open()
    } finally {
      resolve()
    }
  }

  #next(): Promise<void> {
    this.#last = this.#last.then(() => this.#timers.turn())
    return this.#last
  }
}
