import { type Fold, fold } from './fold.ts'
import { inserted, mergedLists } from './insert.ts'
import { boundProblems } from './limits.ts'
import { type Comparable, comparable, compareKept, compareSame, kept, type Take } from './taken.ts'

type Ranked = readonly [rank: Comparable, time: number, value: unknown]

/**
 * The `n` records with the greatest ranks, the greatest first: `by` takes the rank, a number or a string. Of records with the
 * same rank, those with the less event time come first, then as `first` orders them. So it does not depend on the order in
 * which records come. The values must be ones that JSON can carry.
 *
 * ```ts
 * grouped.aggregate('best', topK(3, (bid) => bid.price))
 * ```
 */
export function topK<K, V>(n: number, by: Take<K, V, Comparable>): Fold<K, V, readonly V[]>
export function topK(n: number, by: Take<never, never, unknown>): Fold<never, never, readonly unknown[]> {
  return fold<never, never, readonly Ranked[], readonly unknown[]>({
    word: `topK(${n})`,
    problems: boundProblems('n of topK', n),
    init: () => [],
    add: (total, value, key, context) =>
      inserted(
        total,
        [comparable('topK', by(value, key, context)), context.timestamp, kept('topK', value)],
        compareRanked,
        n,
      ),
    merge: (a, b) => mergedLists(a, b, compareRanked, n),
    result: (total) => total.map(([, , value]) => value),
    rest: (total) => total.map(([rank, time]) => [rank, time]),
    restore: (values, ranks) =>
      values.map(
        (value, at) => [...((ranks as readonly (readonly [Comparable, number])[])[at] ?? [0, 0]), value] as const,
      ),
  })
}

function compareRanked([rank, time, value]: Ranked, [otherRank, otherTime, other]: Ranked): number {
  return compareSame('topK', otherRank, rank) || time - otherTime || compareKept(value, other)
}
