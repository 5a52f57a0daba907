import type { BatchBuilder } from './batch-builder.ts'

/**
 * The records that a partition's writer has appended since a mark: they stay in memory, so that they can be removed again. A
 * batch that becomes full meanwhile is set aside, complete, and is written when the stretch is released.
 */
export class Stretch {
  readonly #builder: BatchBuilder
  readonly #full: Buffer[] = []
  #open = false

  constructor(builder: BatchBuilder) {
    this.#builder = builder
  }

  get open(): boolean {
    return this.#open
  }

  mark(): void {
    this.check()
    this.#open = true
    this.#builder.mark()
  }

  /** Throws if a stretch is open: the caller would write to the log what may still be removed. */
  check(): void {
    if (this.#open) throw new Error('A marked section is still open. Release or rewind it first')
  }

  /** Sets the builder's batch aside, finished as `batch`, and empties the builder. */
  putAside(batch: Buffer): void {
    this.#full.push(Buffer.from(batch))
    this.#builder.clear()
  }

  /** Ends the stretch; returns the batches that were set aside, in order. */
  release(): readonly Buffer[] {
    this.#open = false
    return this.#full.length === 0 ? NONE : this.#full.splice(0)
  }

  rewind(): void {
    this.#open = false
    this.#builder.rewind(this.#full[0])
    this.#full.length = 0
  }
}

const NONE: readonly Buffer[] = []
