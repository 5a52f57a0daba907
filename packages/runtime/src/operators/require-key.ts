import { RecordError } from '@millrace/core'

/** Throws if a record has no key, at a step or topic that works by key. */
export function requireKey(step: string, key: unknown): void {
  if (key !== null && key !== undefined) return
  throw new RecordError(
    'KEY_MISSING',
    `A record without a key came to ${step}, which needs one: choose it with groupBy or keyBy`,
    {
      step,
    },
  )
}
