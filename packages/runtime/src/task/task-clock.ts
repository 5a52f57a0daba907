import type { CallProgress, ClockedOperator, PendingResult } from '../operators/time/clocked.ts'
import { type EventTime, NO_WATERMARK } from './event-time.ts'
import { StepClock } from './step-clock.ts'

/** What a checkpoint holds about a task's time. */
export interface SavedClock {
  /** By name: the watermarks that were reached. Times that are still unknown are missing. */
  readonly times: readonly (readonly [string, number])[]
  /** By name: the progress of each step with what it does in time. */
  readonly steps: readonly (readonly [string, unknown])[]
}

/** A step with a result that waits for event time. */
export interface WaitingStep extends PendingResult {
  /** The watermark that the step has reached. */
  readonly reached: number
}

/** A task's time: the one place that moves watermarks, looks at the wall clock, and gives the steps that depend on them their turns. */
export class TaskClock {
  /** In an order in which each comes after those that it depends on. */
  readonly #times: readonly EventTime[]
  readonly #operators: readonly ClockedOperator[]
  readonly #hasWallTimers: boolean
  /** The steps with calls, each after those that it gets records from. */
  readonly #callers: readonly ClockedOperator[]
  readonly #stepClock: StepClock
  #due: ClockedOperator | undefined
  #hasPending = false
  #full: ClockedOperator | undefined
  #changed = false

  constructor(times: readonly EventTime[], operators: readonly ClockedOperator[], stepClock = new StepClock()) {
    this.#times = times
    this.#operators = operators
    this.#stepClock = stepClock
    this.#hasWallTimers = operators.some((operator) => 'wallDueAt' in operator)
    this.#callers = operators.filter(({ calls }) => calls !== undefined)
  }

  /** Whether a step has something to do. */
  get due(): boolean {
    this.#lookIfNeeded()
    return this.#due !== undefined
  }

  /** Whether a step has results to emit that the time which is reached has caused. */
  get hasPending(): boolean {
    this.#lookIfNeeded()
    return this.#hasPending
  }

  /** How far the steps with calls to the outside world have come with them, each after those that it gets records from. */
  get calls(): readonly CallProgress[] {
    return this.#callers.flatMap(({ calls }) => calls ?? [])
  }

  /** Whether calls to the outside world are not done. */
  get hasCalls(): boolean {
    return this.#callers.some(({ calls }) => calls !== undefined && calls.doneBefore < calls.begun)
  }

  /** Whether a step may take no more records. */
  get full(): boolean {
    this.#lookIfNeeded()
    return this.#full !== undefined
  }

  /** Whether there is anything that the last checkpoint does not hold. */
  get changed(): boolean {
    return this.#changed
  }

  /** The latest time that any step has reached which goes by the times of records. */
  get latest(): number {
    return Math.max(...this.#times.flatMap(({ byClock, watermark }) => (byClock ? [] : [watermark])))
  }

  /** The first result of each step that waits for the times of records, the earliest first. What waits for the wall clock goes on waiting. */
  pending(): readonly WaitingStep[] {
    const waiting = this.#operators.flatMap((operator) => {
      const first = operator.time.byClock ? undefined : operator.firstPending?.()
      return first === undefined ? [] : [{ ...first, reached: operator.time.watermark }]
    })
    return waiting.sort((a, b) => a.at - b.at)
  }

  /** Moves every watermark as far as the inputs, and the results that steps still have to emit, allow. */
  advance(): void {
    this.#stepClock.lookSoon = false
    for (const time of this.#times) if (time.update()) this.#changed = true
    const { wallMs } = this.#stepClock
    const full = this.#callers.length === 0 ? undefined : this.#callers.findLast(({ calls }) => calls?.full === true)
    let due: ClockedOperator | undefined
    let hasPending = false
    for (const operator of this.#operators) {
      const { dueAt, wallDueAt = Number.POSITIVE_INFINITY } = operator
      const reached = dueAt <= operator.time.watermark
      if (!reached && wallDueAt > wallMs) continue
      hasPending ||= reached && operator.emits && operator.calls === undefined
      // Any other step may have results for the one that may take no more.
      if (full !== undefined && operator !== full) continue
      if (due === undefined || dueAt < due.dueAt) due = operator
    }
    this.#due = due
    this.#hasPending = hasPending
    this.#full = full
  }

  /** Takes the monotonic time, ms, for what depends on it, and moves time accordingly; called now and then. */
  tick(nowMs: number): void {
    for (const time of this.#times) if (time.tick(nowMs)) this.#changed = true
    this.advance()
  }

  /** Moves to a wall-clock time, ms since the epoch; called each time the clock is read, also between records. */
  reach(wallMs: number): void {
    // A wall clock that is set back must not take back what it has caused.
    if (wallMs <= this.#stepClock.wallMs) return
    this.#stepClock.wallMs = wallMs
    if (this.#hasWallTimers) this.advance()
  }

  /** Does a piece of what is due; returns its cost, in records. */
  step(): number {
    if (this.#due === undefined) throw new Error('Nothing is due')
    if (this.#due.emits) this.#changed = true
    try {
      return this.#due.step(this.#stepClock.wallMs)
    } finally {
      this.advance()
    }
  }

  /** For the checkpoint. */
  save(): SavedClock {
    this.#changed = false
    const known = this.#times.filter(({ watermark }) => watermark !== NO_WATERMARK)
    const emitting = this.#operators.filter(({ emits }) => emits)
    return {
      times: known.map(({ name, watermark }) => [name, watermark]),
      steps: emitting.map((operator) => [operator.name, operator.save()]),
    }
  }

  /** Called once a commit has taken what there is: steps that check for work only at commits do so now. */
  frozen(): void {
    for (const operator of this.#operators) operator.look?.()
    this.advance()
  }

  /** The task is closed: calls that are under way are given up. */
  stop(): void {
    for (const { calls } of this.#callers) calls?.stop()
  }

  /** Restores what checkpoints hold, the oldest first, and arms every step; also if there are none. */
  resume(saved: readonly SavedClock[]): void {
    const watermarks = new Map<string, number>()
    for (const [name, watermark] of saved.flatMap(({ times }) => times)) {
      watermarks.set(name, Math.max(watermark, watermarks.get(name) ?? NO_WATERMARK))
    }
    const progress = new Map(saved.flatMap(({ steps }) => steps))
    for (const time of this.#times) time.resume(watermarks.get(time.name) ?? NO_WATERMARK)
    for (const operator of this.#operators) operator.resume(progress.get(operator.name))
    this.#changed = false
    this.advance()
  }

  /** A step that was processing a record has something to do. */
  #lookIfNeeded(): void {
    if (this.#stepClock.lookSoon) this.advance()
  }
}
