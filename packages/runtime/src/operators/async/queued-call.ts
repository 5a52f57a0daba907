import type { PendingCall } from '@millrace/core/internal'
import type { Outcome } from './tries.ts'

/** A record that waits for its call, or whose call is under way or done. */
export interface QueuedCall extends PendingCall<unknown, unknown> {
  /** Its number among all that have come to the step in this task. */
  readonly number: number
  /** What calls have in common that are made one after the other; undefined if this one waits for no other. */
  readonly turn: string | undefined
  /** What the call gave; undefined until it is done. */
  outcome: Outcome | undefined
}
