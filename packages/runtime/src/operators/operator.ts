import { MillraceError, RecordError } from '@millrace/core'

/**
 * A step of a compiled task that takes records. One method, plain arguments, no promise: `process` has done everything
 * that the record causes downstream when it returns.
 *
 * `key` is undefined where no step downstream reads it. A null value is a tombstone: it passes the steps that keep keys
 * without calling back, and ends at those that need a value to go on.
 *
 * Each operator calls its callback itself, alike as they look: V8 learns what a call reaches per function, and a shared
 * method would reach every callback of the job.
 */
export abstract class StreamOperator {
  abstract process(key: unknown, value: unknown, timestamp: number): void
}

/** Where records end that no step takes. */
export const DISCARD: StreamOperator = new (class extends StreamOperator {
  process(): void {}
})()

/** A step that takes a table's changes: the row's new and old value, null where there is none. */
export abstract class TableOperator {
  abstract change(key: unknown, value: unknown, old: unknown, timestamp: number): void
}

/** The error of a user's callback, with the step that it stands in. Errors of Millrace's own pass unchanged. */
export function callbackFailed(step: string, cause: unknown): MillraceError {
  if (cause instanceof MillraceError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RecordError('CALLBACK_FAILED', `The callback of ${step} threw: ${reason}`, { step, cause })
}
