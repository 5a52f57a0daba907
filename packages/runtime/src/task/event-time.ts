/** Before any record: earlier than every event time, and safe to do arithmetic with. */
export const NO_WATERMARK = Number.NEGATIVE_INFINITY

/** What may hold a watermark back: an input, an upstream task, a step that still owes results. */
export interface Progress {
  /** No record that belongs before this event time is expected any more. */
  readonly watermark: number
  /** Nothing is expected soon: this holds back nothing. */
  readonly idle: boolean
}

/** Event time at a step of a task. It never goes back. */
export interface EventTime extends Progress {
  /** Names the time in the checkpoint: the same for the same steps after a restart. */
  readonly name: string
  /** Looks again at what the time depends on; true if something has changed. */
  update(): boolean
  /** Takes up the watermark of a checkpoint. */
  resume(watermark: number): void
}

/** The time of records that come from several places: the least of those that are not idle. If all are, it stands still. */
export class CombinedTime implements EventTime {
  readonly name: string
  watermark = NO_WATERMARK
  idle = false
  readonly #parts: readonly Progress[]

  constructor(name: string, parts: readonly Progress[]) {
    this.name = name
    this.#parts = parts
  }

  update(): boolean {
    let least = Number.POSITIVE_INFINITY
    let idle = true
    for (const part of this.#parts) {
      if (part.idle) continue
      idle = false
      if (part.watermark < least) least = part.watermark
    }
    const before = this.idle
    this.idle = idle
    if (idle || least <= this.watermark) return idle !== before
    this.watermark = least
    return true
  }

  resume(watermark: number): void {
    this.watermark = Math.max(this.watermark, watermark)
  }
}

/** A step that emits results later than their own time. */
export interface OwesResults {
  /** No result that the step still emits has an earlier time. */
  readonly owedFrom: number
  /** The watermark from which on the step has results to emit at once. */
  readonly dueAt: number
}

/**
 * The time behind a step that emits results late: held back to the earliest of them, so that no result is ever behind the
 * watermark that is passed on with it (Beam's watermark hold).
 */
export class HeldTime implements EventTime {
  readonly name: string
  watermark = NO_WATERMARK
  idle = false
  readonly #input: EventTime
  readonly #step: OwesResults

  constructor(name: string, input: EventTime, step: OwesResults) {
    this.name = name
    this.#input = input
    this.#step = step
  }

  update(): boolean {
    const input = this.#input
    const watermark = Math.min(input.watermark, this.#step.owedFrom)
    const before = this.idle
    // A step with results to emit is not idle, whatever its input is.
    this.idle = input.idle && this.#step.dueAt > input.watermark
    if (watermark <= this.watermark) return this.idle !== before
    this.watermark = watermark
    return true
  }

  resume(watermark: number): void {
    this.watermark = Math.max(this.watermark, watermark)
  }
}
