import type { Env } from '@millrace/core'

/** A container's own slices take 5 ms: what waits for both waits 7 ms, and the container gets most of the time. */
const SLICE_MS = 2
/** Steps between two looks at the clock: 64 × 1 µs is far below a slice. */
const STEPS_PER_CLOCK_LOOK = 64

/** Long work beside other work of a process, cut into slices. */
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

  /** Whether the slice is over, so that the caller must await `next`. */
  get over(): boolean {
    return this.#env.clock.monotonic() >= this.#untilMs
  }

  /** The same after one of very many small steps: it rarely reads the clock. */
  overAfterStep(): boolean {
    return ++this.#steps % STEPS_PER_CLOCK_LOOK === 0 && this.over
  }

  /** Throws the signal's reason once that is aborted. */
  check(): void {
    this.#signal?.throwIfAborted()
  }

  /** Begins a new slice, after everything else had its turn. Rejects with the signal's reason once that is aborted. */
  async next(): Promise<void> {
    this.check()
    await this.#env.timers.turn()
    this.#untilMs = this.#env.clock.monotonic() + SLICE_MS
  }
}
