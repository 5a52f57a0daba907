import type { RecordContext } from '../plan/callback.ts'
import type { WindowSpec } from '../plan/window.ts'
import type { AggregateOptions, EmitOptions, Ready } from './aggregate-options.ts'
import { aggregateTotals, countTotals, foldInto, isOptions, reduceTotals, type Totals } from './fold.ts'
import type { StreamPlan } from './plan-value.ts'
import type { ToStream } from './table.ts'
import { tableOfWindows, type WindowedTable } from './windowed-table.ts'

/** Records grouped by key, and the windows that they are in. Every result is kept under a name, as with a `GroupedStream`. */
export abstract class TotalsByWindow<K, V> {
  readonly #plan: StreamPlan<K, V>
  readonly #windows: WindowSpec
  readonly #toStream: ToStream

  /** Not for jobs: made by `window`. */
  constructor(plan: StreamPlan<K, V>, windows: WindowSpec, toStream: ToStream) {
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
    return this.#table(name, countTotals(), options)
  }

  /**
   * One value for each key and window, from all of its values there. When two sessions become one, the callback also makes one value
   * of theirs.
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
    return this.#table(name, reduceTotals(fn, this.#plan.value), options)
  }

  /** A total for each key and window, by ready-made folds or by callbacks. */
  protected aggregated<T>(
    name: string,
    how: Ready<K, V, T> | (AggregateOptions<K, V, T> & EmitOptions),
    options: EmitOptions,
  ): WindowedTable<K, T, V> {
    return this.#table(name, aggregateTotals(how), isOptions(how) ? { ...how, ...options } : options)
  }

  #table<T>(name: string, totals: Totals<T>, options: EmitOptions): WindowedTable<K, T, V> {
    const node = foldInto(this.#plan, name, totals, this.#windows, options)
    return tableOfWindows(this.#plan, node, totals.value, this.#toStream)
  }
}
