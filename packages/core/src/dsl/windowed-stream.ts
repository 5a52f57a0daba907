import type { RecordContext } from '../plan/callback.ts'
import type { Aggregate, AggregateOptions, EmitOptions } from './aggregate-options.ts'
import { aggregateTotals, countTotals, foldInto, isOptions, reduceTotals, type Totals } from './fold.ts'
import type { StreamPlan } from './plan-value.ts'
import type { ToStream } from './table.ts'
import { tableOfWindows, type WindowedTable } from './windowed-table.ts'
import type { Windows } from './windows.ts'

/** Records grouped by key and window. Every result is kept under a name, as with a `GroupedStream`. */
export class WindowedStream<K, V> {
  readonly #plan: StreamPlan<K, V>
  readonly #windows: Windows
  readonly #toStream: ToStream

  /** Not for jobs: made by `window`. */
  constructor(plan: StreamPlan<K, V>, windows: Windows, toStream: ToStream) {
    this.#plan = plan
    this.#windows = windows
    this.#toStream = toStream
    Object.freeze(this)
  }

  /**
   * How many records each key has in each window.
   *
   * ```ts
   * stream(flights).groupByKey().window(tumbling('1d')).count('departures-by-day', { emit: 'final' })
   * ```
   */
  count(name: string, options: EmitOptions = {}): WindowedTable<K, number, V> {
    return this.#fold(name, countTotals(), options)
  }

  /**
   * One value for each key and window, from all of its values there.
   *
   * ```ts
   * stream(flights).groupByKey().window(tumbling('1d')).reduce('longest-delay', (a, b) => (a.delay > b.delay ? a : b))
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
    how: Aggregate<K, V, T> | (AggregateOptions<K, V, T> & EmitOptions),
    options: EmitOptions = {},
  ): WindowedTable<K, T, V> {
    return this.#fold(name, aggregateTotals(how), isOptions(how) ? { ...how, ...options } : options)
  }

  #fold<T>(name: string, totals: Totals<T>, options: EmitOptions): WindowedTable<K, T, V> {
    const node = foldInto(this.#plan, name, totals, this.#windows, options)
    return tableOfWindows(this.#plan, node, totals.value, this.#toStream)
  }
}
