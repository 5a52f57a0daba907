import { type EventTime, NO_WATERMARK, type Progress } from './event-time.ts'

/**
 * The time behind a step that gives each record the wall-clock time at which it comes. It moves with the records, and, without
 * them, as far as the clock has come once something behind it has waited for that. So a task that has nothing to do commits
 * nothing. It never goes back, also not if the clock does: not in a task, and not from a checkpoint on.
 */
export class ArrivalTime implements EventTime {
  readonly name: string
  readonly byClock = true
  watermark = NO_WATERMARK
  idle = false
  /** Whether something waits for the clock: then no task behind may go on without this one. */
  hasWaiting = false
  readonly #input: Progress
  #reached = NO_WATERMARK

  constructor(name: string, input: Progress) {
    this.name = name
    this.#input = input
  }

  /** The time of what comes at a wall-clock time, ms. */
  timeAt(wallMs: number): number {
    return Math.max(wallMs, this.#reached, this.watermark)
  }

  /** Time moves to here with the next update, unless it is past it. */
  reach(wallMs: number): void {
    this.#reached = this.timeAt(wallMs)
  }

  update(): boolean {
    const { idle, watermark } = this
    this.idle = this.#input.idle && !this.hasWaiting
    this.watermark = this.timeAt(NO_WATERMARK)
    return this.watermark > watermark || this.idle !== idle
  }

  tick(): boolean {
    return false
  }

  resume(watermark: number): void {
    this.watermark = Math.max(this.watermark, watermark)
  }
}
