import type { RecordContext } from '../plan/callback.ts'
import { parametersSeen, READS_ALL } from '../plan/step-flow.ts'
import { rowKeepsKey, storeStep } from '../plan/step-parts.ts'
import { int64 } from '../serdes/numbers.ts'
import type { Aggregate } from './aggregate-options.ts'
import { copartitioned } from './copartitioned.ts'
import { aggregateTotals, reduceTotals, type Totals, totalsStore } from './fold.ts'
import { planSerde, type StreamPlan } from './plan-value.ts'
import { storePlan } from './store-plan.ts'
import type { Stream } from './stream.ts'
import type { ToStream } from './table.ts'
import type { CountWindows } from './windows.ts'

/**
 * Records grouped by key, in windows of so many of them. The result of a window is a record under the key, once the window is
 * full; the next record of the key begins another one. What is in windows that are not full is kept under the step's name.
 */
export class CountWindowStream<K, V> {
  readonly #plan: StreamPlan<K, V>
  readonly #windows: CountWindows
  readonly #toStream: ToStream

  /** Not for jobs: made by `window`. */
  constructor(plan: StreamPlan<K, V>, windows: CountWindows, toStream: ToStream) {
    this.#plan = plan
    this.#windows = windows
    this.#toStream = toStream
    Object.freeze(this)
  }

  /**
   * One value for each full window, from all of its values.
   *
   * ```ts
   * stream(readings).groupByKey().window(countWindow(100)).reduce('highest', (a, b) => Math.max(a, b)).to(highest)
   * ```
   */
  reduce(name: string, fn: (total: V, value: V, key: K, context: RecordContext) => V): Stream<K, V> {
    return this.#fold(name, reduceTotals(fn, this.#plan.value))
  }

  /**
   * A total for each full window, of any type.
   *
   * ```ts
   * stream(readings).groupByKey().window(countWindow(100)).aggregate('sums', {
   *   init: () => 0,
   *   add: (total, reading) => total + reading,
   * })
   * ```
   */
  aggregate<T>(name: string, how: Aggregate<K, V, T>): Stream<K, T> {
    return this.#fold(name, aggregateTotals(how))
  }

  #fold<T>(name: string, totals: Totals<T>): Stream<K, T> {
    const { step, init, add, value, ready } = totals
    const { node: input, key } = copartitioned(this.#plan, name)
    const total = totalsStore(name, planSerde(key), totals, undefined)
    const count = storePlan(`${name}.count`, planSerde(key), int64(), undefined, false)
    const flow = { ...READS_ALL, keepsKey: rowKeepsKey(total), readsValue: parametersSeen(add) >= 2 }
    const parts = { ...storeStep(step, input, total, flow), stores: [total, count] } as const
    const node = { ...parts, kind: 'countWindow', size: this.#windows.size, init, add, fold: ready } as const
    return this.#toStream({ kind: 'stream', node, key, value, rekeyed: false })
  }
}
