import { RecordError } from '@millrace/core'

/** Throws if a record has no key, at a step or topic that works by key. */
export function requireKey(step: string, key: unknown): void {
  if (key !== null && key !== undefined) return
  throw new RecordError(
    'KEY_MISSING',
    `Step ${step} needs a key, and got a record without one. Choose a key with groupBy or keyBy`,
    {
      step,
    },
  )
}
