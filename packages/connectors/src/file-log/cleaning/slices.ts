import type { Env } from '@millrace/core'

/** A container's own slices take 5 ms: whoever waits for both waits for 7, and the container gets most of the time. */
const SLICE_MS = 2
/** Steps between two looks at the clock: 64 × 1 µs is far below a slice. */
const STEPS_PER_CLOCK_LOOK = 64

/** Long work beside whatever else a process does, cut into slices. */
export class Slices {
  readonly #env: Env
  readonly #signal: AbortSignal | undefined
  #untilMs: number
  #steps = 0

  constructor(env: Env, signal?: AbortSignal) {
    this.#env = env
    this.#signal = signal
    this.#untilMs = env.clock.monotonic() + SLICE_MS
  }

  /** Whether the slice is over, so that `next` is to be awaited. */
  get over(): boolean {
    return this.#env.clock.monotonic() >= this.#untilMs
  }

  /** The same after one of very many small steps: it seldom looks at the clock. */
  overAfterStep(): boolean {
    return ++this.#steps % STEPS_PER_CLOCK_LOOK === 0 && this.over
  }

  /** Begins a new slice, after everything else had its turn. Rejects with the signal's reason once that is aborted. */
  async next(): Promise<void> {
    this.#signal?.throwIfAborted()
    await this.#env.timers.turn()
    this.#untilMs = this.#env.clock.monotonic() + SLICE_MS
  }
}
