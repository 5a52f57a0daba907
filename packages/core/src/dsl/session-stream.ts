import type { RecordContext } from '../plan/callback.ts'
import type { AggregateOptions, EmitOptions, Ready, TotalsOfTwoSessionsNeedMerge } from './aggregate-options.ts'
import { aggregateTotals, countTotals, foldInto, isOptions, reduceTotals, type Totals } from './fold.ts'
import type { StreamPlan } from './plan-value.ts'
import type { ToStream } from './table.ts'
import { tableOfWindows, type WindowedTable } from './windowed-table.ts'
import type { Sessions } from './windows.ts'

/**
 * Records grouped by key and session. Every result is kept under a name, as with a `GroupedStream`. When a session gets another
 * start or end, its row is deleted, and the row of the new session takes its place.
 */
export class SessionStream<K, V> {
  readonly #plan: StreamPlan<K, V>
  readonly #sessions: Sessions
  readonly #toStream: ToStream

  /** Not for jobs: made by `window`. */
  constructor(plan: StreamPlan<K, V>, sessions: Sessions, toStream: ToStream) {
    this.#plan = plan
    this.#sessions = sessions
    this.#toStream = toStream
    Object.freeze(this)
  }

  /**
   * How many records each session has.
   *
   * ```ts
   * stream(clicks).groupByKey().window(sessions({ gap: '30m' })).count('clicks-by-visit', { emit: 'final' })
   * ```
   */
  count(name: string, options: EmitOptions = {}): WindowedTable<K, number, V> {
    return this.#fold(name, countTotals(), options)
  }

  /**
   * One value for each session, from all of its values. The callback also makes one value of those of two sessions.
   *
   * ```ts
   * stream(clicks).groupByKey().window(sessions({ gap: '30m' })).reduce('dearest', (a, b) => (a.price > b.price ? a : b))
   * ```
   */
  reduce(
    name: string,
    fn: (total: V, value: V, key: K, context: RecordContext) => V,
    options: EmitOptions = {},
  ): WindowedTable<K, V, V> {
    return this.#fold(name, reduceTotals(fn, this.#plan.value), options)
  }

  /**
   * A total for each session, of any type. `merge` makes one total of those of two sessions.
   *
   * ```ts
   * stream(clicks).groupByKey().window(sessions({ gap: '30m' })).aggregate('spent', {
   *   init: () => 0,
   *   add: (total, click) => total + click.price,
   *   merge: (a, b) => a + b,
   * })
   * ```
   */
  aggregate<T>(
    name: string,
    how: Ready<K, V, T> | (AggregateOptions<K, V, T> & TotalsOfTwoSessionsNeedMerge<K, T> & EmitOptions),
    options: EmitOptions = {},
  ): WindowedTable<K, T, V> {
    return this.#fold(name, aggregateTotals(how), isOptions(how) ? { ...how, ...options } : options)
  }

  #fold<T>(name: string, totals: Totals<T>, options: EmitOptions): WindowedTable<K, T, V> {
    const node = foldInto(this.#plan, name, totals, this.#sessions, options)
    return tableOfWindows(this.#plan, node, totals.value, this.#toStream)
  }
}
