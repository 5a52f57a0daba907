import { type SubtractableFold, subtractable } from './fold.ts'
import { finite, type Take } from './taken.ts'
import { counted, mergedHistograms, NO_VALUES, quantileOf, type ValueHistogram } from './value-histogram.ts'

const WORD = 'quantiles'

/** A number for each quantile, in the same order. */
export type QuantilesOf<Q extends readonly number[]> = { readonly [At in keyof Q]: number }

/**
 * The numbers at these quantiles (from 0 to 1), within 1 %, in the order of the quantiles. The number at `q` of `n` numbers is the
 * one before which `q (n - 1)` of them come, rounded down; numbers nearer to 0 than 1e-9 count as 0. The result does not depend
 * on the order in which records come. For each key it takes 115 counters for each power of ten that its numbers span, and at
 * most 37,000 for numbers of one sign. A record whose number is `NaN` or infinite is an error (`CALLBACK_FAILED`).
 *
 * ```ts
 * grouped.aggregate('latency', quantiles([0.5, 0.99], (request) => request.ms))
 * ```
 */
export function quantiles<K, V, const Q extends readonly number[]>(
  qs: Q,
  fn: Take<K, V, number>,
): SubtractableFold<K, V, QuantilesOf<Q>>
export function quantiles(
  qs: readonly number[],
  fn: Take<never, never, unknown>,
): SubtractableFold<never, never, readonly number[]> {
  const wanted = [...qs]
  return subtractable<never, never, ValueHistogram, readonly number[]>(
    {
      word: `${WORD}(${wanted.join(', ')})`,
      problems: quantileProblems(wanted),
      init: () => NO_VALUES,
      add: (total, value, key, context) => counted(total, finite(WORD, fn(value, key, context)), 1),
      merge: mergedHistograms,
      result: (total) => wanted.map((q) => quantileOf(total, q)),
    },
    (total, value, key, context) => counted(total, finite(WORD, fn(value, key, context)), -1),
  )
}

function quantileProblems(qs: readonly unknown[]): string[] {
  if (qs.length === 0) return ['quantiles needs at least one quantile, such as 0.5']
  const wrong = qs.filter((q) => !(typeof q === 'number' && q >= 0 && q <= 1))
  return wrong.map((q) => `a quantile must be from 0 to 1, not ${q}`)
}
