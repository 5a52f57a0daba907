import { MillraceError, RecordError } from '@millrace/core'

/**
 * A step of a compiled task that takes records. It has one method, plain arguments and no promise: when `process` returns,
 * it has done everything that the record causes downstream.
 *
 * `key` is undefined if no step downstream reads it. A null value is a tombstone: it passes the steps that keep keys without
 * a callback, and ends at the steps that need a value.
 *
 * Each operator calls its callback itself, although the code looks alike: V8 learns per function what a call reaches, and a
 * shared method would reach every callback of the job.
 */
export abstract class StreamOperator {
  abstract process(key: unknown, value: unknown, timestamp: number): void
}

/** The end for records that no step takes. */
export const DISCARD: StreamOperator = new (class extends StreamOperator {
  process(): void {}
})()

/** A step that takes a table's changes: the row's new and old value, null if there is none. */
export abstract class TableOperator {
  abstract change(key: unknown, value: unknown, old: unknown, timestamp: number): void
}

/** The end for changes that no step takes. */
export const IGNORE: TableOperator = new (class extends TableOperator {
  change(): void {}
})()

/** The error of a user's callback, with the name of its step. Errors of Millrace's own pass unchanged. */
export function callbackFailed(step: string, cause: unknown): MillraceError {
  if (cause instanceof MillraceError) return cause
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RecordError('CALLBACK_FAILED', `The callback of ${step} threw: ${reason}`, { step, cause })
}
