import { addExactly, addSums, type ExactSum, nearest } from './exact-sum.ts'
import { type SubtractableFold, subtractable } from './fold.ts'
import type { Numbers } from './sum.ts'
import { finite, itself, type Take } from './taken.ts'

const WORD = 'avg'

/** The exact sum, and how many numbers are in it. */
type Total = readonly [sum: ExactSum, count: number]

/**
 * The mean of a number of each record, or of the values themselves: the number nearest to their exact sum, divided by how many
 * there are. It is the same in whatever order the records come. A record whose number is `NaN` or infinite is an error
 * (`CALLBACK_FAILED`).
 *
 * ```ts
 * grouped.aggregate('mean-delay', avg((flight) => flight.delay))
 * ```
 */
export function avg<V>(this: Numbers<V>): SubtractableFold<unknown, V, number>
export function avg<K, V>(fn: Take<K, V, number>): SubtractableFold<K, V, number>
export function avg(fn: Take<never, never, unknown> = itself): SubtractableFold<never, never, number> {
  return subtractable<never, never, Total, number>(
    {
      word: WORD,
      init: () => [0, 0],
      add: ([sum, count], value, key, context) => [
        addExactly(WORD, sum, finite(WORD, fn(value, key, context))),
        count + 1,
      ],
      merge: ([a, countA], [b, countB]) => [addSums(WORD, a, b), countA + countB],
      // The mean of nothing is not a number that can be stored; it is never shown.
      result: ([sum, count]) => (count === 0 ? 0 : nearest(sum) / count),
    },
    ([sum, count], value, key, context) => [addExactly(WORD, sum, -finite(WORD, fn(value, key, context))), count - 1],
  )
}
