import type { Reached } from '../../task/event-time.ts'
import type { OutputFence } from '../../task/output-fence.ts'

/** A result that waits for event time. */
export interface PendingResult {
  /** The watermark from which on it is emitted. */
  readonly at: number
  /** For a timer: its step, and the event time of the call that set it. */
  readonly timer?: { readonly step: string; readonly setAt: number }
}

/** How far a step has come with its calls to the outside world. They are numbered in the order of their records. */
export interface CallProgress {
  /** How many there have been: the number of the next one. */
  readonly begun: number
  /** All calls before this number are done, and their results have left the step. */
  readonly doneBefore: number
  /** Whether the step may take no more records. */
  readonly full: boolean
  /** Gives up the calls that are under way; their records stay in the state. */
  stop(): void
}

/**
 * A step that has something to do because time passes: event time, the wall clock, or both. The task's clock calls `step`
 * while something is due, the step with the earliest event time first, and may commit between the calls.
 */
export interface ClockedOperator {
  /** Names the step in the checkpoint: its store. */
  readonly name: string
  /** The event time that the step depends on. */
  readonly time: Reached
  /** The watermark from which on there is something to do; infinite while there is nothing. */
  readonly dueAt: number
  /** The wall-clock time, ms since the epoch, from which on there is something to do; never if it is left out. */
  readonly wallDueAt?: number
  /**
   * Does a piece of what is due: one result, or a bounded amount of other work. Returns its cost, in records. When it throws
   * because of one result, the next call continues behind that result. `wallMs`: the wall clock, as the task last read it;
   * it never goes back while the task is open.
   */
  step(wallMs: number): number
  /** The first result that waits for event time; undefined if none does. Only steps that emit in event time have it. */
  firstPending?(): PendingResult | undefined
  /** For a step whose results wait for calls to the outside world. */
  readonly calls?: CallProgress
  /** Whether the step emits results, and remembers which. A step that only deletes needs no place in the checkpoint. */
  readonly emits: boolean
  /** Checks for work that is not worth a check at every record; called at commits. */
  look?(): void
  /** Takes the fence to close while a result is emitted again, and what `save` returned each time that the job was set back. */
  fence?(fence: OutputFence, emitted: readonly unknown[]): void
  /** The step's progress, for the checkpoint: JSON. */
  save(): unknown
  /** Restores the progress from a checkpoint; undefined if there is none. */
  resume(saved: unknown): void
}
