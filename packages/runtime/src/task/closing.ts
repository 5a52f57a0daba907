import { FatalError } from '@millrace/core'
import { NO_WATERMARK, type Progress } from './event-time.ts'
import type { TaskClock } from './task-clock.ts'

/** How far beyond the end of the inputs a chain of timers that set each other may go: ten years. */
const TIMERS_BEYOND_MS_MAX = 3653 * 86_400_000

/** Which process runs each task of a job: `ended` of a marker counts only if it comes from the one that has the task now. */
export interface TaskOwners {
  /** This process, in a marker. */
  readonly self: string
  /** The process that runs a task; undefined while none does. */
  ownerOf(task: string): string | undefined
}

/** How far a task's time is moved beyond its inputs. */
export class ClosingTime {
  at = NO_WATERMARK
}

/** An input whose time is moved on once the inputs have ended. */
export class ClosableInput implements Progress {
  readonly #input: Progress
  readonly #closing: ClosingTime

  constructor(input: Progress, closing: ClosingTime) {
    this.#input = input
    this.#closing = closing
  }

  get watermark(): number {
    return Math.max(this.#input.watermark, this.#closing.at)
  }

  get byClock(): boolean {
    return this.#input.byClock === true
  }

  get idle(): boolean {
    return this.#closing.at === NO_WATERMARK && this.#input.idle
  }
}

/**
 * Lets everything come out that waits for event time, once all inputs of a task have ended: it moves time to the first thing that
 * waits, and on to the next one, until nothing does. Time moves no further than that, so a later run finds only those
 * windows closed that were.
 */
export class Closing {
  readonly owners: TaskOwners
  readonly time = new ClosingTime()
  /** Whether nothing waits any more, and no input brings anything. */
  done = false
  /** Where the times of timers begin that only timers can have set; undefined before the first move. */
  #end: number | undefined

  constructor(owners: TaskOwners) {
    this.owners = owners
  }

  /** Moves time on. The inputs must have ended, and nothing may be due. */
  move(clock: TaskClock): void {
    const pending = clock.pending()
    const [first] = pending
    this.done = first === undefined
    if (first === undefined) return
    this.#end ??= Math.max(clock.latest, first.timer?.setAt ?? first.at)
    if (first.timer === undefined) this.#end = Math.max(this.#end, first.at)
    else if (first.timer.setAt > this.#end + TIMERS_BEYOND_MS_MAX) throw endless(first.timer.step)
    const { time } = this
    if (time.at < first.at) time.at = first.at
    else {
      // The step's time is held back: by a step before it that has something to emit, or emits with an earlier time.
      const next = pending.find(({ at }) => at > time.at)
      time.at = next?.at ?? time.at + Math.max(1, first.at - first.reached)
    }
    clock.advance()
  }
}

function endless(step: string): FatalError {
  return new FatalError(
    'CLOSING_ENDLESS',
    `The timers of step ${step} set each other without an end: they are ten years beyond the last record. The run cannot close ` +
      'all windows. Let the timers end, or run the job without closing windows',
    { step },
  )
}
