import { type Fold, fold } from './fold.ts'
import { type Comparable, comparable, compareSame, itself, type Take } from './taken.ts'

/** Any value if `V` can be compared. Else a text, which the compiler shows because no call fits it. */
export type Comparables<V> = V extends Comparable
  ? unknown
  : 'The values are neither numbers nor strings. Take one from each, as in max((value) => value.price)'

/**
 * The least number or string of all records, or of the values themselves. Strings are compared as `<` does. A record with
 * anything else (`NaN`, a date), and one with a string after numbers, is an error (`CALLBACK_FAILED`).
 *
 * ```ts
 * grouped.aggregate('lowest', min((bid) => bid.price))
 * ```
 */
export function min<V>(this: Comparables<V>): Fold<unknown, V, V>
export function min<K, V, T extends Comparable>(fn: Take<K, V, T>): Fold<K, V, T>
export function min(fn: Take<never, never, unknown> = itself): Fold<never, never, Comparable> {
  return extreme('min', -1, fn)
}

/**
 * The greatest number or string of all records, or of the values themselves; as `min` otherwise.
 *
 * ```ts
 * grouped.aggregate('highest', max((bid) => bid.price))
 * ```
 */
export function max<V>(this: Comparables<V>): Fold<unknown, V, V>
export function max<K, V, T extends Comparable>(fn: Take<K, V, T>): Fold<K, V, T>
export function max(fn: Take<never, never, unknown> = itself): Fold<never, never, Comparable> {
  return extreme('max', 1, fn)
}

function extreme(word: string, sign: number, fn: Take<never, never, unknown>): Fold<never, never, Comparable> {
  const further = (a: Comparable | null, b: Comparable | null) => {
    if (a === null || b === null) return a ?? b
    return compareSame(word, b, a) * sign > 0 ? b : a
  }
  return fold<never, never, Comparable | null, Comparable>({
    word,
    init: () => null,
    add: (total, value, key, context) => further(total, comparable(word, fn(value, key, context))),
    merge: further,
    result: shown,
  })
}

function shown(total: Comparable | null): Comparable {
  if (total === null) throw new Error('A total without records was shown')
  return total
}
