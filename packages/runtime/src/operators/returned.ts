import { type Comparable, RecordError } from '@millrace/core'
import { describeValue } from '@millrace/core/internal'

/**
 * Throws for a value that no callback may return: a promise, because callbacks are synchronous, and undefined, which stands
 * for nothing (a deletion is null). Returns everything else.
 */
export function returned<T>(step: string, value: T): T {
  if (value === undefined || value instanceof Promise) throw notReturnable(step, value)
  return value
}

/** Throws if a callback answers yes or no with a promise, which would count as yes. */
export function answered(step: string, answer: unknown): boolean {
  if (answer instanceof Promise) throw notReturnable(step, answer)
  return Boolean(answer)
}

/** A rank that a callback returned: what can be compared with all others. */
export function rankOf(step: string, value: unknown): Comparable {
  if (typeof value === 'string' && value.isWellFormed()) return value
  // Adding zero makes -0 the 0 that it equals.
  if (typeof value === 'number' && Number.isFinite(value)) return value + 0
  const rule =
    typeof value === 'string'
      ? 'A string must not have half a surrogate pair'
      : 'It must return a finite number or a string'
  throw notReturnable(step, value, rule)
}

/** The values of an iterable that a callback returned. A generator runs to its end here. */
export function listed<T>(step: string, values: Iterable<T>): readonly T[] {
  if (Array.isArray(values)) return values
  // Array.from would make an empty list from a value that is not iterable.
  const iterable: unknown = values
  if (iterable === undefined || iterable === null || !(Symbol.iterator in Object(iterable))) {
    throw notReturnable(step, values, 'It must return an iterable, such as an array')
  }
  return Array.from(values)
}

/** The key and value that a callback returned. */
export function pair(step: string, value: readonly [unknown, unknown]): readonly [unknown, unknown] {
  if (!Array.isArray(value)) throw notReturnable(step, value, 'It must return [key, value]')
  if (value[0] === undefined || value[1] === undefined) {
    throw new RecordError(
      'CALLBACK_FAILED',
      `The callback of ${step} returned a key or a value that is undefined. It must return [key, value], and null as ` +
        'the value for a deletion',
      { step },
    )
  }
  if (value[0] instanceof Promise) throw notReturnable(step, value[0])
  if (value[1] instanceof Promise) throw notReturnable(step, value[1])
  return value
}

/** A refused promise may reject later: that would end the process before the refusal is reported. */
export function ignoreRejection(value: unknown): void {
  if (value instanceof Promise) value.catch(() => undefined)
}

function notReturnable(step: string, value: unknown, rule?: string): RecordError {
  ignoreRejection(value)
  const what = rule ?? 'It must return a value, or null for a deletion'
  const reason = value instanceof Promise ? 'Callbacks are synchronous, not async; mapAsync waits for promises' : what
  return new RecordError('CALLBACK_FAILED', `The callback of ${step} returned ${describeValue(value)}. ${reason}`, {
    step,
  })
}
