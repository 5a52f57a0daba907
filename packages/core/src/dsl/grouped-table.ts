import type { Serde } from '../contracts/serde.ts'
import type { Comparable } from '../folds/taken.ts'
import type { Callback, RecordContext } from '../plan/callback.ts'
import type { PlanNode } from '../plan/node.ts'
import type { TableGroupByNode } from '../plan/nodes/table-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { rowKeepsKey, storeStep, tableStep } from '../plan/step-parts.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import { change, PRESENCE } from '../serdes/change.ts'
import { int64 } from '../serdes/numbers.ts'
import { repartitionNode } from './copartitioned.ts'
import { planSerde, type TablePlan } from './plan-value.ts'
import type { Ranked } from './ranked.ts'
import { storePlan } from './store-plan.ts'
import type { Table } from './table.ts'
import { type TopOptions, topTable } from './top-n.ts'

/** Makes a table. It is passed down, so that tables and their groups can be made from each other without an import cycle. */
type ToTable = <K, T>(plan: TablePlan<T>) => Table<K, T>

/**
 * How a total of rows changes. The row that comes or goes may be any of the group, in any order: so what `add` and `subtract`
 * make of rows must not depend on their order, and `subtract` must undo `add`.
 */
export interface GroupReduction<K, V> {
  // Methods: a table of numbers is a table of unknown values, too.
  /** Returns the total with one more row. The first row is the first total. */
  add(total: V, value: V, key: K, context: RecordContext): V
  /** Returns the total without one of its rows. Not called for the last row: the total goes with it. */
  subtract(total: V, value: V, key: K, context: RecordContext): V
}

/** How rows become a total, of any type: see `GroupReduction`. */
export interface GroupAggregation<K, V, T> {
  /** The total before the first row. */
  readonly init: () => T
  /** Returns the total with one more row. It may also change the total that it got and return that. */
  readonly add: (total: T, value: V, key: K, context: RecordContext) => NoInfer<T>
  /** Returns the total without one of its rows, as `add` does. Not called for the last row: the total goes with it. */
  readonly subtract: (total: T, value: V, key: K, context: RecordContext) => NoInfer<T>
  /** How totals are written. Default `json()`. */
  readonly value?: Serde<T>
}

/**
 * A table's rows, grouped by a key that a callback chooses. A total has every row of its group as it is now, once each. A group
 * without rows has no total. Every result is kept under a name: that of its store, its view and its part of the changelog.
 * `R` is the type of the rows' keys.
 */
export class GroupedTable<K, V, R = unknown> {
  readonly #table: TablePlan<V>
  readonly #fn: Callback
  readonly #key: Serde<K> | undefined
  readonly #toTable: ToTable

  /** Not for jobs: made by `groupBy`. */
  constructor(table: TablePlan<V>, fn: Callback, key: Serde<K> | undefined, toTable: ToTable) {
    this.#table = table
    this.#fn = fn
    this.#key = key
    this.#toTable = toTable
    Object.freeze(this)
  }

  /**
   * How many rows each group has.
   *
   * ```ts
   * customers.groupBy((customer) => customer.city, string()).count('customers-per-city')
   * ```
   */
  count(name: string): Table<K, number> {
    const { input, store, flow } = this.#grouped(name, int64(), false)
    return this.#made({ ...storeStep('count', input, store, flow), kind: 'tableCount' }, store, int64())
  }

  /**
   * One value for each group, from the values of its rows.
   *
   * ```ts
   * stock.groupBy((_, product) => product.slice(0, 3), string()).reduce('stock-per-kind', {
   *   add: (total, left) => total + left,
   *   subtract: (total, left) => total - left,
   * })
   * ```
   */
  reduce(name: string, { add, subtract }: GroupReduction<K, V>): Table<K, V> {
    const { value } = this.#table
    const addFirst = (total: V | undefined, next: V, key: K, context: RecordContext) =>
      total === undefined ? next : add(total, next, key, context)
    return this.#aggregate('reduce', name, undefined, addFirst, subtract, value)
  }

  /**
   * A total for each group, of any type.
   *
   * ```ts
   * orders.groupBy((order) => order.customer, string()).aggregate('open-orders', {
   *   init: () => ({ orders: 0, cents: 0 }),
   *   add: (total, order) => ({ orders: total.orders + 1, cents: total.cents + order.cents }),
   *   subtract: (total, order) => ({ orders: total.orders - 1, cents: total.cents - order.cents }),
   * })
   * ```
   */
  aggregate<T>(name: string, { init, add, subtract, value }: GroupAggregation<K, V, T>): Table<K, T> {
    return this.#aggregate('aggregate', name, init, add, subtract, value)
  }

  /**
   * The `n` rows (1 to 1,000) of each group with the greatest ranks, the greatest first: `by` takes the rank, a finite number or a
   * string. Rows with the same rank are in the order of their keys. The callback must depend on nothing but the row.
   *
   * ```ts
   * const dearest = products.groupBy((product) => product.shop, string()).topN('dearest-by-shop', 10, (product) => product.price)
   * ```
   */
  topN(
    name: string,
    n: number,
    by: (value: V, key: R, context: RecordContext) => Comparable,
    options: TopOptions = {},
  ): Table<K, readonly Ranked<R, V>[]> {
    const group = { fn: this.#fn, key: planSerde(this.#key) }
    return this.#toTable(topTable({ name, rows: n, by, group, options }, this.#table))
  }

  #aggregate<T>(
    word: 'reduce' | 'aggregate',
    name: string,
    init: (() => T) | undefined,
    add: (total: never, value: V, key: K, context: RecordContext) => T,
    subtract: (total: never, value: V, key: K, context: RecordContext) => T,
    value: Serde<T> | undefined,
  ): Table<K, T> {
    const { input, store, flow } = this.#grouped(name, value, true)
    const rows = storePlan(`${name}.rows`, store.key, int64(), undefined, false)
    const parts = { ...storeStep(word, input, store, flow), stores: [store, rows] } as const
    return this.#made({ ...parts, kind: 'tableAggregate', init, add, subtract }, store, value)
  }

  /** The way of the rows' changes to their groups, and the store for the totals. */
  #grouped<T>(name: string, total: Serde<T> | undefined, readsValues: boolean) {
    const groupBy: TableGroupByNode = Object.freeze({
      ...tableStep('groupBy', this.#table.node, undefined),
      flow: READS_ALL,
      kind: 'tableGroupBy',
      fn: this.#fn,
      readsValues,
    })
    const value = change(readsValues ? planSerde(this.#table.value) : PRESENCE)
    const changes = { kind: 'stream', node: groupBy, key: this.#key, value, rekeyed: true } as const
    const store = storePlan(name, planSerde(this.#key), total, undefined, true)
    const flow = { ...READS_ALL, keepsKey: rowKeepsKey(store) }
    return { input: repartitionNode<K, unknown>(changes, name, undefined), store, flow }
  }

  #made<T>(node: PlanNode, store: StorePlan, value: Serde<T> | undefined): Table<K, T> {
    return this.#toTable({ kind: 'table', node, rowKey: store.key, value, window: undefined })
  }
}
