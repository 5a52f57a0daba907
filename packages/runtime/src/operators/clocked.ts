import type { EventTime } from '../task/event-time.ts'

/**
 * A step that has something to do because time passes. The task's clock calls `step` while `dueAt` is not after the step's
 * watermark, the step with the earliest first, and commits between the calls as it likes.
 */
export interface ClockedOperator {
  /** Names the step in the checkpoint: its store. */
  readonly name: string
  /** The time that it goes by. */
  readonly time: EventTime
  /** The watermark from which on there is something to do; infinite while there is nothing. */
  readonly dueAt: number
  /**
   * Does a piece of what is due: one result, or a bounded amount of other work. Returns its cost, in records. When it throws
   * because of one result, the next call goes on behind that result.
   */
  step(): number
  /** Whether it emits results, and remembers which. A step that only deletes needs no place in the checkpoint. */
  readonly emits: boolean
  /** Looks whether there is something to do that is not worth a look at every record; called at commits. */
  look?(): void
  /** How far it is, for the checkpoint: JSON. */
  save(): unknown
  /** Takes up the progress of a checkpoint; undefined if there is none. */
  resume(saved: unknown): void
}
