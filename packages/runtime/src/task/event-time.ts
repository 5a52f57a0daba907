/** Before any record: earlier than every event time, and safe to do arithmetic with. */
export const NO_WATERMARK = Number.NEGATIVE_INFINITY

/** A task's progress in event time, shared by its operators. Only the task advances it. */
export class EventTime {
  /** No more records before this event time are expected; never goes back. */
  watermark = NO_WATERMARK
  /** The watermark at which the next window closes with something to do then; infinite where none waits. */
  nextClose = Number.POSITIVE_INFINITY
}
