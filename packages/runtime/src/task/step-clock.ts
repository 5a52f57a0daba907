import { NO_WATERMARK } from './event-time.ts'

/** What a task's clock shares with its steps while a record is processed. */
export class StepClock {
  /** The wall clock, ms since the epoch, as the task last read it. It never goes back while the task is open. */
  wallMs = NO_WATERMARK
  /** A step has something to do before the next record. The clock sets it back when it has looked which step is due. */
  lookSoon = false
}
