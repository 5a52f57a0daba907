import { type Fold, fold } from './fold.ts'
import { compareKept, itself, kept, type Take } from './taken.ts'

/** A value and its event time; null before the first record. */
type Total = readonly [time: number, value: unknown] | null

/**
 * The value of the record with the least event time, or what the callback takes of it. If several records have that time, the
 * least of their values: numbers by size, then strings, then all else by its JSON text. So it does not depend on the order in
 * which records come. The value must be one that JSON can carry.
 *
 * ```ts
 * grouped.aggregate('opening', first((trade) => trade.price))
 * ```
 */
export function first<V>(): Fold<unknown, V, V>
export function first<K, V, T>(fn: Take<K, V, T>): Fold<K, V, T>
export function first(fn: Take<never, never, unknown> = itself): Fold<never, never, unknown> {
  return byTime('first', -1, fn)
}

/**
 * The value of the record with the greatest event time, or what the callback takes of it. If several records have that time,
 * the greatest of their values; as `first` otherwise.
 *
 * ```ts
 * grouped.aggregate('closing', last((trade) => trade.price))
 * ```
 */
export function last<V>(): Fold<unknown, V, V>
export function last<K, V, T>(fn: Take<K, V, T>): Fold<K, V, T>
export function last(fn: Take<never, never, unknown> = itself): Fold<never, never, unknown> {
  return byTime('last', 1, fn)
}

function byTime(word: string, sign: number, fn: Take<never, never, unknown>): Fold<never, never, unknown> {
  return fold<never, never, Total, unknown>({
    word,
    init: () => null,
    add: (total, value, key, context) => {
      const time = context.timestamp
      // Checked also if it is not kept: whether a record is an error does not depend on the others.
      const taken = kept(word, fn(value, key, context))
      return isFurther(total, time, taken, sign) ? [time, taken] : total
    },
    merge: (a, b) => (b !== null && isFurther(a, b[0], b[1], sign) ? b : a),
    result: (total) => total?.[1],
    rest: (total) => total?.[0],
    restore: (value, time) => (typeof time === 'number' ? [time, value] : null),
  })
}

function isFurther(total: Total, time: number, value: unknown, sign: number): boolean {
  if (total === null) return true
  const [before, kept] = total
  return (time - before || compareKept(value, kept)) * sign > 0
}
