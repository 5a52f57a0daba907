import type { Aggregate, AggregateOptions, EmitOptions, MergedTotals } from './aggregate-options.ts'
import { TotalsByWindow } from './totals-by-window.ts'
import type { WindowedTable } from './windowed-table.ts'

/** Records grouped by key and window. Every result is kept under a name, as with a `GroupedStream`. */
export class WindowedStream<K, V> extends TotalsByWindow<K, V> {
  /**
   * A total for each key and window: ready-made, one or several at once, or of any type. `emit` may also be among the options
   * of a total of one's own type.
   *
   * ```ts
   * const hours = stream(flights).groupByKey().window(tumbling('1h'))
   * hours.aggregate('delays', { flights: count(), longest: max((flight) => flight.delay) }, { emit: 'final' })
   * hours.aggregate('minutes', {
   *   init: () => 0,
   *   add: (total, flight) => total + flight.delay,
   *   emit: 'final',
   * })
   * ```
   */
  aggregate<T>(
    name: string,
    how: Aggregate<K, V, T> | (AggregateOptions<K, V, T> & Partial<MergedTotals<K, T>> & EmitOptions),
    options: EmitOptions = {},
  ): WindowedTable<K, T, V> {
    return this.aggregated(name, how, options)
  }
}
