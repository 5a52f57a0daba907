import { NO_WATERMARK } from './event-time.ts'

/** What a task's clock and the steps with timers tell each other, while a record is processed. */
export class StepClock {
  /** The wall clock, ms since the epoch, as the task last read it. It never goes back while the task is open. */
  wallMs = NO_WATERMARK
  /** A step has something to do at once: before the next record. The clock takes it back when it has looked. */
  rung = false
}
