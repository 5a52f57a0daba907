import type { RecordContext } from '../plan/callback.ts'
import type { Aggregate } from './aggregate-options.ts'
import { CountWindowStream } from './count-window-stream.ts'
import { aggregateTotals, countTotals, foldInto, reduceTotals, type Totals } from './fold.ts'
import { PLAN, type StreamPlan } from './plan-value.ts'
import { SessionStream } from './session-stream.ts'
import { Table, type ToStream } from './table.ts'
import { WindowedStream } from './windowed-stream.ts'
import type { CountWindows, Sessions, Windows } from './windows.ts'

/** Records grouped by key. Every result is kept under a name: that of its store, its view and its part of the changelog. */
export class GroupedStream<K, V> {
  readonly #plan: StreamPlan<K, V>
  readonly #toStream: ToStream

  /** Not for jobs: made by `groupBy` and `groupByKey`. */
  constructor(plan: StreamPlan<K, V>, toStream: ToStream) {
    this.#plan = plan
    this.#toStream = toStream
    Object.freeze(this)
  }

  /** What the records are, for steps that take several such streams. */
  get [PLAN](): StreamPlan<K, V> {
    return this.#plan
  }

  /**
   * How many records each key has.
   *
   * ```ts
   * stream(flights).groupByKey().count('departures')
   * ```
   */
  count(name: string): Table<K, number> {
    return this.#fold(name, countTotals())
  }

  /**
   * One value for each key, from all of its values. The first value is the first total.
   *
   * ```ts
   * stream(flights).groupByKey().reduce('longest-delay', (a, b) => (a.delay > b.delay ? a : b))
   * ```
   */
  reduce(name: string, fn: (total: V, value: V, key: K, context: RecordContext) => V): Table<K, V> {
    return this.#fold(name, reduceTotals(fn, this.#plan.value))
  }

  /**
   * A total for each key: ready-made, one or several at once, or of any type.
   *
   * ```ts
   * stream(flights).groupByKey().aggregate('longest-delay', max((flight) => flight.delay))
   * stream(flights).groupByKey().aggregate('delays', { flights: count(), minutes: sum((flight) => flight.delay) })
   * stream(flights).groupByKey().aggregate('late-minutes', {
   *   init: () => 0,
   *   add: (total, flight) => total + Math.max(0, flight.delay - 15),
   * })
   * ```
   */
  aggregate<T>(name: string, how: Aggregate<K, V, T>): Table<K, T> {
    return this.#fold(name, aggregateTotals(how))
  }

  /**
   * Cuts each key's records into windows: of event time, or of so many records.
   *
   * ```ts
   * stream(flights).groupByKey().window(tumbling('1h', { grace: '10m' })).count('departures-by-hour')
   * stream(clicks).groupByKey().window(sessions({ gap: '30m', grace: '1m' })).count('clicks-by-visit')
   * ```
   */
  window(sessions: Sessions): SessionStream<K, V>
  window(windows: CountWindows): CountWindowStream<K, V>
  window(windows: Windows): WindowedStream<K, V>
  window(
    windows: Sessions | CountWindows | Windows,
  ): SessionStream<K, V> | CountWindowStream<K, V> | WindowedStream<K, V> {
    if (windows.kind === 'session') return new SessionStream(this.#plan, windows, this.#toStream)
    if (windows.kind === 'count') return new CountWindowStream(this.#plan, windows, this.#toStream)
    return new WindowedStream(this.#plan, windows, this.#toStream)
  }

  #fold<T>(name: string, totals: Totals<T>): Table<K, T> {
    const node = foldInto(this.#plan, name, totals, undefined, {})
    return new Table(
      { kind: 'table', node, rowKey: node.stores[0].key, value: totals.value, window: undefined },
      this.#toStream,
    )
  }
}
