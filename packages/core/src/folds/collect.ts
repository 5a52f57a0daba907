import { type Fold, fold } from './fold.ts'
import { inserted, mergedLists } from './insert.ts'
import { boundProblems } from './limits.ts'
import { compareKept, itself, kept, type Take } from './taken.ts'

/** How many values `collect` keeps. */
export interface CollectOptions {
  /** At most so many values: those with the least event times. Later ones are left out. */
  readonly max: number
}

/** What `collect` keeps of each record. */
export interface CollectOfOptions<K, V, T> extends CollectOptions {
  readonly of: Take<K, V, T>
}

type Timed = readonly [time: number, value: unknown]

/**
 * The values of the records, or what `of` takes of them, by event time; values of the same time as `first` orders them. At most
 * `max`: those with the least times. What is left out is not marked: put `count()` beside it to see that there was more. The
 * list is stored whole each time that it changes, so keep it short. The values must be ones that JSON can carry.
 *
 * ```ts
 * grouped.aggregate('lines', collect({ max: 50, of: (order) => order.product }))
 * ```
 */
export function collect<K, V, T>(options: CollectOfOptions<K, V, T>): Fold<K, V, readonly T[]>
export function collect<V>(options: CollectOptions): Fold<unknown, V, readonly V[]>
export function collect({
  max,
  of = itself,
}: CollectOptions & { readonly of?: Take<never, never, unknown> }): Fold<never, never, readonly unknown[]> {
  const word = `collect(${max})`
  return fold<never, never, readonly Timed[], readonly unknown[]>({
    word,
    problems: boundProblems('max of collect', max),
    init: () => [],
    add: (total, value, key, context) =>
      inserted(total, [context.timestamp, kept('collect', of(value, key, context))], compareTimed, max),
    merge: (a, b) => mergedLists(a, b, compareTimed, max),
    result: (total) => total.map(([, value]) => value),
    rest: (total) => total.map(([time]) => time),
    restore: (values, times) => values.map((value, at) => [(times as readonly number[])[at] ?? 0, value] as const),
  })
}

function compareTimed([time, value]: Timed, [otherTime, other]: Timed): number {
  return time - otherTime || compareKept(value, other)
}
