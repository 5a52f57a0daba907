import { type Fold, fold } from './fold.ts'
import { murmur3 } from './hash.ts'
import { estimate, type HashSet, union, withHash } from './hyper-log-log.ts'
import { type Comparable, comparable, type Take } from './taken.ts'

const WORD = 'approxDistinct'

/**
 * About how many different numbers or strings the callback takes of the records, by HyperLogLog. It is exact up to 128, but for
 * two values whose hashes of 52 bits are equal. Beyond, the standard error is 1.6 %: two of three counts are as near, and 997
 * of 1000 within 5 %. It takes at most 4 KB for each key, and does not depend on the order in which records come.
 *
 * ```ts
 * grouped.aggregate('visitors', approxDistinct((visit) => visit.user))
 * ```
 */
export function approxDistinct<K, V>(fn: Take<K, V, Comparable>): Fold<K, V, number> {
  return fold<K, V, HashSet, number>({
    word: WORD,
    init: () => [],
    add: (total, value, key, context) => withHash(total, hashOf(comparable(WORD, fn(value, key, context)))),
    merge: union,
    result: estimate,
    rest: (total) => total,
  })
}

/** 52 bits: 32 of one hash, and 20 of another. */
function hashOf(value: Comparable): number {
  // A number is not the string of its digits.
  const text = typeof value === 'number' ? `n${value}` : `s${value}`
  return murmur3(text, 0) * 2 ** 20 + (murmur3(text, 0x9747b28c) >>> 12)
}
