import type { RecordContext } from '../plan/callback.ts'
import { describeValue } from '../serdes/describe-value.ts'
import { json } from '../serdes/json.ts'
import { FoldRefusal } from './fold-refusal.ts'

/** What a fold takes of each record. */
export type Take<K, V, T> = (value: V, key: K, context: RecordContext) => T

/** Takes the value itself. */
export function itself<T>(value: T): T {
  return value
}

const JSON_SERDE = json<unknown>()

/** A number that can be added. */
export function finite(word: string, value: unknown): number {
  // Adding zero makes -0 the 0 that it is read back as.
  if (typeof value === 'number' && Number.isFinite(value)) return value + 0
  throw new FoldRefusal('CALLBACK_FAILED', `${word} needs a finite number, not ${describeValue(value)}`)
}

/** What can be compared: numbers and strings, but not with each other. */
export type Comparable = number | string

export function comparable(word: string, value: unknown): Comparable {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && !Number.isNaN(value) && Number.isFinite(value)) return value + 0
  throw new FoldRefusal('CALLBACK_FAILED', `${word} needs a finite number or a string, not ${describeValue(value)}`)
}

/** Less than, equal to or more than 0, as `a` is to `b`. Throws for a number and a string. */
export function compareSame(word: string, a: Comparable, b: Comparable): number {
  if (typeof a === typeof b) return order(a, b)
  throw new FoldRefusal(
    'CALLBACK_FAILED',
    `${word} cannot compare a number with a string: ${JSON.stringify(a)} and ${JSON.stringify(b)}`,
  )
}

/** A value that is kept in a total: as reading it back returns it. */
export function kept<T>(word: string, value: T): T {
  if (value === undefined || value === null || value instanceof Promise) {
    if (value instanceof Promise) value.catch(() => undefined)
    throw new FoldRefusal('CALLBACK_FAILED', `${word} needs a value, not ${describeValue(value)}`)
  }
  try {
    // Without a schema, what is normalized has the type of the value.
    return (JSON_SERDE.normalize?.(value) ?? value) as T
  } catch (error) {
    throw new FoldRefusal(
      'RECORD_UNENCODABLE',
      `${word} cannot keep the value: ${error instanceof Error ? error.message : error}`,
    )
  }
}

/**
 * One order of all kept values, which depends on nothing but them: numbers by size, then strings, then all else by its JSON
 * text.
 */
export function compareKept(a: unknown, b: unknown): number {
  const rank = rankOf(a) - rankOf(b)
  if (rank !== 0) return rank
  if (typeof a === 'number' || typeof a === 'string') return order(a, b as typeof a)
  return a === b ? 0 : order(JSON.stringify(a), JSON.stringify(b))
}

function rankOf(value: unknown): number {
  if (typeof value === 'number') return 0
  return typeof value === 'string' ? 1 : 2
}

function order(a: Comparable, b: Comparable): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
