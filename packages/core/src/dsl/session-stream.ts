import type { AggregateOptions, EmitOptions, Ready, TotalsOfTwoSessionsNeedMerge } from './aggregate-options.ts'
import { TotalsByWindow } from './totals-by-window.ts'
import type { WindowedTable } from './windowed-table.ts'

/**
 * Records grouped by key and session. Every result is kept under a name, as with a `GroupedStream`. When a session gets another
 * start or end, its row is deleted, and the row of the new session takes its place.
 */
export class SessionStream<K, V> extends TotalsByWindow<K, V> {
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
    return this.aggregated(name, how, options)
  }
}
