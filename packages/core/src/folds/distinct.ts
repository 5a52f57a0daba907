import { type Fold, fold } from './fold.ts'
import { FoldRefusal } from './fold-refusal.ts'
import { inserted, mergedLists, placeIn } from './insert.ts'
import { boundProblems } from './limits.ts'
import { type Comparable, comparable, compareKept, type Take } from './taken.ts'

/** How many values `distinct` counts. */
export interface DistinctOptions {
  /** At most so many different values for each key. Default 10,000. */
  readonly max?: number
}

/** The whole list is stored each time that it grows: about 100 KB of numbers or short strings. */
const DISTINCT_MAX = 10_000

/**
 * How many different numbers or strings the callback takes of the records: exact. The values themselves are stored, at most
 * `max` of them. A record with one more is an error (`TOTAL_TOO_LARGE`), because the count would be wrong from then on; use
 * `approxDistinct` for more.
 *
 * ```ts
 * grouped.aggregate('customers', distinct((order) => order.customer))
 * ```
 */
export function distinct<K, V>(fn: Take<K, V, Comparable>, options: DistinctOptions = {}): Fold<K, V, number> {
  const { max = DISTINCT_MAX } = options
  const checked = (values: readonly Comparable[]) => {
    if (values.length <= max) return values
    throw new FoldRefusal(
      'TOTAL_TOO_LARGE',
      `distinct has its ${max} different values, and this would be another. Raise max, or use approxDistinct`,
    )
  }
  return fold<K, V, readonly Comparable[], number>({
    word: 'distinct',
    problems: boundProblems('max of distinct', max),
    init: () => [],
    add: (total, value, key, context) => {
      const taken = comparable('distinct', fn(value, key, context))
      if (total[placeIn(total, taken, compareKept)] === taken) return total
      return checked(inserted(total, taken, compareKept, max + 1))
    },
    merge: (a, b) => {
      const both = mergedLists(a, b, compareKept, a.length + b.length)
      return checked(both.filter((value, at) => at === 0 || value !== both[at - 1]))
    },
    result: (total) => total.length,
    rest: (total) => total,
  })
}
