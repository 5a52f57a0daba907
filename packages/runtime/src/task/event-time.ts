/** Before any record: earlier than every event time, and safe to do arithmetic with. */
export const NO_WATERMARK = Number.NEGATIVE_INFINITY

/** How far event time has come. */
export interface Reached {
  /** No record that belongs before this event time is expected any more. */
  readonly watermark: number
  /** Whether it goes by the wall clock, also in part: then no end of the inputs can move it. Absent: it does not. */
  readonly byClock?: boolean
}

/** What may hold a watermark back: an input, an upstream task, or a step that still has results to emit. */
export interface Progress extends Reached {
  /** Nothing is expected soon: this part does not hold anything back. */
  readonly idle: boolean
}

/** Event time at a step of a task. It never goes back. */
export interface EventTime extends Progress {
  /** Names the time in the checkpoint: the same name for the same steps after a restart. */
  readonly name: string
  readonly byClock: boolean
  /** Updates the time from what it depends on; true if something has changed. */
  update(): boolean
  /** Takes the monotonic time, ms, for what depends on it; called now and then. True if something has changed. */
  tick(nowMs: number): boolean
  /** Restores the watermark from a checkpoint. */
  resume(watermark: number): void
}

/** What has happened since all parts were idle and the first of them became active again. */
interface Waking {
  /** Monotonic ms; unknown until the next look at the clock. */
  sinceMs: number | undefined
  /** The parts that have been active in the meantime. */
  readonly active: Set<Progress>
}

/**
 * The time of records that come from several places: the least of those that are not idle. If all are idle, it stands still.
 *
 * Parts that become active together are not seen to do so at the same moment: one is read, or committed, a little earlier.
 * So when the first of them becomes active after all were idle, the others hold time back again for as long as it takes to
 * become idle.
 */
export class CombinedTime implements EventTime {
  readonly name: string
  readonly byClock: boolean
  watermark = NO_WATERMARK
  idle = false
  readonly #parts: readonly Progress[]
  readonly #idleAfterMs: number
  #waking: Waking | undefined

  /** `idleAfterMs`: how long parts that were idle when another became active hold time back; 0: not at all. */
  constructor(name: string, parts: readonly Progress[], idleAfterMs: number) {
    this.name = name
    this.byClock = parts.some(({ byClock }) => byClock === true)
    this.#parts = parts
    this.#idleAfterMs = idleAfterMs
  }

  update(): boolean {
    let least = Number.POSITIVE_INFINITY
    let leastOfAll = Number.POSITIVE_INFINITY
    let idleParts = 0
    for (const part of this.#parts) {
      const { watermark } = part
      if (watermark < leastOfAll) leastOfAll = watermark
      if (part.idle) idleParts++
      else if (watermark < least) least = watermark
    }
    if (this.#waking === undefined && this.idle && idleParts > 0 && idleParts < this.#parts.length) this.wake()
    if (this.#waking !== undefined) {
      for (const part of this.#parts) if (!part.idle) this.#waking.active.add(part)
      return this.#moveTo(leastOfAll, false)
    }
    const idle = idleParts === this.#parts.length
    return this.#moveTo(idle ? this.watermark : least, idle)
  }

  /** Idle parts hold time back for a while, because others have become active just now, or may have: after a restart. */
  wake(): void {
    if (this.#idleAfterMs > 0) this.#waking ??= { sinceMs: undefined, active: new Set() }
  }

  /** Checks whether the parts that are still idle have had enough time. */
  tick(nowMs: number): boolean {
    const waking = this.#waking
    if (waking === undefined) return false
    waking.sinceMs ??= nowMs
    if (nowMs - waking.sinceMs < this.#idleAfterMs) return false
    this.#waking = undefined
    // Those that were active count, even if they are idle again by now: what they brought must have its effect.
    const active = Array.from(waking.active, (part) => part.watermark)
    return active.length > 0 && this.#moveTo(Math.min(...active), false)
  }

  resume(watermark: number): void {
    this.watermark = Math.max(this.watermark, watermark)
  }

  #moveTo(watermark: number, idle: boolean): boolean {
    const changed = idle !== this.idle || watermark > this.watermark
    this.idle = idle
    if (watermark > this.watermark) this.watermark = watermark
    return changed
  }
}

/** How long idle parts hold time back when another becomes active; not at all if inputs never become idle by time. */
export function wakingMs(idleAfterMs: number): number {
  return Number.isFinite(idleAfterMs) ? idleAfterMs : 0
}

/** The least of the times of several steps: all of them have come so far. */
export class LeastTime implements Reached {
  readonly #times: Reached[] = []

  get watermark(): number {
    let least = Number.POSITIVE_INFINITY
    for (const { watermark } of this.#times) if (watermark < least) least = watermark
    return least
  }

  add(time: Reached): void {
    if (!this.#times.includes(time)) this.#times.push(time)
  }
}

/** A step that emits results later than their own time. */
export interface PendingResults {
  /** No result that the step still emits has an earlier time. */
  readonly pendingFrom: number
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
  readonly #step: PendingResults

  constructor(name: string, input: EventTime, step: PendingResults) {
    this.name = name
    this.#input = input
    this.#step = step
  }

  get byClock(): boolean {
    return this.#input.byClock
  }

  update(): boolean {
    const input = this.#input
    const watermark = Math.min(input.watermark, this.#step.pendingFrom)
    const before = this.idle
    // A step with results to emit is not idle, even if its input is.
    this.idle = input.idle && this.#step.dueAt > input.watermark
    if (watermark <= this.watermark) return this.idle !== before
    this.watermark = watermark
    return true
  }

  tick(): boolean {
    return false
  }

  /** The input is restored already. If the step has another input now, whose time is behind, so is what comes after it. */
  resume(watermark: number): void {
    const { watermark: input } = this.#input
    this.watermark = Math.max(this.watermark, input === NO_WATERMARK ? watermark : Math.min(watermark, input))
  }
}
