import { addExactly, addSums, type ExactSum, nearest } from './exact-sum.ts'
import { type SubtractableFold, subtractable } from './fold.ts'
import { FoldRefusal } from './fold-refusal.ts'
import { finite, itself, type Take } from './taken.ts'

/** Any value if `V` is a number. Else a text, which the compiler shows because no call fits it. */
export type Numbers<V> = V extends number
  ? unknown
  : 'The values are not numbers. Take a number from each, as in sum((value) => value.price)'

const WORD = 'sum'

/**
 * The sum of a number of each record, or of the values themselves. It is the number nearest to the exact sum, in whatever order
 * the records come. A record that makes the sum of whole numbers larger than 2^53 - 1 is an error (`TOTAL_TOO_LARGE`), because
 * the sum would no longer be exact; so is one whose number is `NaN` or infinite (`CALLBACK_FAILED`).
 *
 * ```ts
 * grouped.aggregate('revenue', sum((order) => order.cents))
 * ```
 */
export function sum<V>(this: Numbers<V>): SubtractableFold<unknown, V, number>
export function sum<K, V>(fn: Take<K, V, number>): SubtractableFold<K, V, number>
export function sum(fn: Take<never, never, unknown> = itself): SubtractableFold<never, never, number> {
  return subtractable<never, never, ExactSum, number>(
    {
      word: WORD,
      init: () => 0,
      add: (total, value, key, context) => added(total, finite(WORD, fn(value, key, context))),
      merge: (a, b) => whole(a, b, addSums(WORD, a, b)),
      result: nearest,
    },
    (total, value, key, context) => added(total, -finite(WORD, fn(value, key, context))),
  )
}

function added(total: ExactSum, value: number): ExactSum {
  return whole(total, value, addExactly(WORD, total, value))
}

/** The sum of whole numbers must be one that a number can hold, and all below it too. */
function whole(a: ExactSum, b: ExactSum, total: ExactSum): ExactSum {
  if (Number.isSafeInteger(total) || !Number.isSafeInteger(a) || !Number.isSafeInteger(b)) return total
  throw new FoldRefusal(
    'TOTAL_TOO_LARGE',
    `${WORD} of whole numbers would be ${nearest(total)}, beyond 2^53 - 1, up to which they are exact. Take larger ` +
      'units, or fractions of them',
  )
}
