import type { EventTime } from '../task/event-time.ts'

/**
 * A step that has something to do because time passes: event time, the wall clock, or both. The task's clock calls `step`
 * while something is due, the step with the earliest event time first, and commits between the calls as it likes.
 */
export interface ClockedOperator {
  /** Names the step in the checkpoint: its store. */
  readonly name: string
  /** The time that it goes by. */
  readonly time: EventTime
  /** The watermark from which on there is something to do; infinite while there is nothing. */
  readonly dueAt: number
  /** The wall-clock time, ms since the epoch, from which on there is something to do; left out: never. */
  readonly wallDueAt?: number
  /**
   * Does a piece of what is due: one result, or a bounded amount of other work. Returns its cost, in records. When it throws
   * because of one result, the next call goes on behind that result. `wallMs`: the wall clock, as the task has last looked at
   * it; it never goes back while the task is open.
   */
  step(wallMs: number): number
  /** Whether it emits results, and remembers which. A step that only deletes needs no place in the checkpoint. */
  readonly emits: boolean
  /** Looks whether there is something to do that is not worth a look at every record; called at commits. */
  look?(): void
  /** How far it is, for the checkpoint: JSON. */
  save(): unknown
  /** Takes up the progress of a checkpoint; undefined if there is none. */
  resume(saved: unknown): void
}
