import type { Serde } from '../contracts/serde.ts'
import type { Comparable } from '../folds/taken.ts'
import type { JoinFn, RecordContext } from '../plan/callback.ts'
import { type ErrorPolicy, policyText } from '../plan/error-policies.ts'
import type { PlanNode } from '../plan/node.ts'
import { tableStep } from '../plan/step-parts.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import { windowed } from '../serdes/windowed.ts'
import type { Duration } from './duration.ts'
import { foreignJoinedTable } from './foreign-join.ts'
import { GroupedTable } from './grouped-table.ts'
import type { Keyed } from './keyed.ts'
import { PLAN, type StreamPlan, type TablePlan } from './plan-value.ts'
import type { Ranked } from './ranked.ts'
import { storePlan } from './store-plan.ts'
import type { Stream } from './stream.ts'
import { tableEvery } from './table-every.ts'
import { type JoinedTableOptions, type JoinKind, joinedTable } from './table-join.ts'
import { type TopOptions, topTable } from './top-n.ts'

/** Makes a stream. It is passed down, so that streams and tables can be made from each other without an import cycle. */
export type ToStream = <K, V>(plan: StreamPlan<K, V>) => Stream<K, V>

/** How a table that is computed from another one keeps and writes its rows. */
export interface TableOptions<V> {
  /** Keeps the rows under this name, so that they can be viewed. Default: rows are computed when they change, and not kept. */
  readonly name?: string
  /** How the values are written. Default: as before if the value stays, else `json()`. */
  readonly value?: Serde<V>
}

/**
 * The latest value by key. A table that has a name is a view when it is an output of its job.
 *
 * Made by `table(topic, name)`, `toTable`, `count`, `reduce` and `aggregate`.
 */
export class Table<K, V> {
  readonly [PLAN]: TablePlan<V>
  /** Never set: it gives the compiler the type of the keys. */
  declare protected readonly keyType: K
  protected readonly toStream: ToStream

  /** Not for jobs. */
  constructor(plan: TablePlan<V>, toStream: ToStream) {
    this[PLAN] = Object.freeze(plan)
    this.toStream = toStream
    Object.freeze(plan.node)
    Object.freeze(plan.policy)
    if (new.target === Table) Object.freeze(this)
  }

  /**
   * The table's changes as a stream: each key with its new value, or without a value if the row was deleted.
   *
   * ```ts
   * delays.changes().to(topic('delays', { key: windowed(string()), value: json<Delays>() }))
   * ```
   */
  changes(): Stream<K, V> {
    const { node, value, window } = this.#from
    const changes = { ...tableStep('changes', node, undefined), kind: 'changes' } as const
    // The rows of a window are in the partition of their key, not in that of key and window together.
    return this.toStream({ kind: 'stream', node: changes, key: this.#key(), value, rekeyed: window !== undefined })
  }

  /**
   * The rows that the callback accepts. The callback may be called more than once for a row: its result must depend on
   * nothing else.
   *
   * ```ts
   * const busy = departures.filter((count) => count > 1000, { name: 'busy-airports' })
   * ```
   */
  filter<W extends V>(
    fn: (value: V, key: K, context: RecordContext) => value is W,
    options?: TableOptions<W>,
  ): Table<K, W>
  filter(fn: (value: V, key: K, context: RecordContext) => boolean, options?: TableOptions<V>): Table<K, V>
  filter(fn: (value: V, key: K, context: RecordContext) => boolean, options: TableOptions<V> = {}): Table<K, V> {
    const value = options.value ?? this[PLAN].value
    const store = this.#store(options.name, value)
    const node = { ...tableStep('filter', this.#from.node, store), kind: 'tableFilter', fn, keep: true } as const
    return this.#derived(node, value)
  }

  /**
   * A new value for each row. The callback may be called more than once for a row: its result must depend on nothing else.
   *
   * ```ts
   * const averages = delays.mapValues((total) => total.minutes / total.flights, { name: 'average-delays' })
   * ```
   */
  mapValues<V2>(fn: (value: V, key: K, context: RecordContext) => V2, options: TableOptions<V2> = {}): Table<K, V2> {
    const store = this.#store(options.name, options.value)
    const node = { ...tableStep('mapValues', this.#from.node, store), kind: 'tableMapValues', fn } as const
    return this.#derived(node, options.value)
  }

  /**
   * The rows as they were at the last multiple of a time, by event time: a row that changes is passed on at the next multiple, as it
   * is then, with the value that was passed on before as the old one. So a row changes once at most for each multiple, and not
   * at all if it is as it was. No row is left out. The result is kept under a name.
   *
   * ```ts
   * const calm = prices.every('calm-prices', '10s')
   * ```
   */
  every(name: string, duration: Duration): Table<K, V> {
    return new Table(tableEvery(name, duration, this.#from), this.toStream)
  }

  /**
   * The keys that both tables have, each with what the callback makes of the two values; null leaves the row out. The result
   * is kept under a name, and follows every change of either table. The callback must depend on nothing but its parameters.
   * The keys of both tables must be written alike, and windowed tables must have windows of one size.
   *
   * ```ts
   * const offers = prices.join('offers', stock, (price, left) => ({ price, left }))
   * ```
   */
  join<W, R>(
    name: string,
    other: Table<K, W>,
    fn: (left: V, right: W, key: K) => R | null,
    options: JoinedTableOptions<R> = {},
  ): Table<K, R> {
    return this.#joined({ word: 'join', unmatched: 'none' }, name, other, fn, options)
  }

  /**
   * As `join`, with all rows of this table: the right value is null if the other table does not have the key.
   *
   * ```ts
   * const offers = prices.leftJoin('offers', stock, (price, left) => ({ price, left: left ?? 0 }))
   * ```
   */
  leftJoin<W, R>(
    name: string,
    other: Table<K, W>,
    fn: (left: V, right: W | null, key: K) => R | null,
    options: JoinedTableOptions<R> = {},
  ): Table<K, R> {
    return this.#joined({ word: 'leftJoin', unmatched: 'left' }, name, other, fn, options)
  }

  /**
   * As `join`, with all rows of both tables: the value of a table that does not have the key is null. One of them is there.
   *
   * ```ts
   * const sides = bids.outerJoin('sides', asks, (bid, ask) => ({ bid, ask }))
   * ```
   */
  outerJoin<W, R>(
    name: string,
    other: Table<K, W>,
    fn: (left: V | null, right: W | null, key: K) => R | null,
    options: JoinedTableOptions<R> = {},
  ): Table<K, R> {
    return this.#joined({ word: 'outerJoin', unmatched: 'both' }, name, other, fn, options)
  }

  /**
   * Each row, joined with the row of another table that it refers to: `keyOf` returns that row's key, or null if there is none.
   * The result has the keys of this table, is kept under a name, and follows every change of either table. Rows whose partner
   * is not there are left out. Both callbacks must depend on nothing but their parameters.
   *
   * ```ts
   * const withNames = orders.joinBy('with-names', customers, (order) => order.customer, (order, { name }) => ({ ...order, name }))
   * ```
   */
  joinBy<K2, W, R>(
    name: string,
    other: Table<K2, W>,
    keyOf: (value: V, key: K) => NoInfer<K2> | null,
    fn: (left: V, right: W, key: K) => R | null,
    { value }: JoinedTableOptions<R> = {},
  ): Table<K, R> {
    const join = { word: 'joinBy', name, keyOf, fn, value } as const
    return new Table(foreignJoinedTable(join, this.#from, other[PLAN]), this.toStream)
  }

  /**
   * As `joinBy`, with all rows of this table: the right value is null if the row that it refers to is not there.
   *
   * ```ts
   * const withNames = orders.leftJoinBy('with-names', customers, (order) => order.customer, (order, customer) => ({
   *   ...order,
   *   name: customer?.name ?? 'unknown',
   * }))
   * ```
   */
  leftJoinBy<K2, W, R>(
    name: string,
    other: Table<K2, W>,
    keyOf: (value: V, key: K) => NoInfer<K2> | null,
    fn: (left: V, right: W | null, key: K) => R | null,
    { value }: JoinedTableOptions<R> = {},
  ): Table<K, R> {
    const join = { word: 'leftJoinBy', name, keyOf, fn, value } as const
    return new Table(foreignJoinedTable(join, this.#from, other[PLAN]), this.toStream)
  }

  /**
   * Groups the rows by a key of your choice, to be counted, reduced, aggregated or ranked. When a row changes, it leaves its old group
   * and enters the one that it belongs to now. The callback may be called more than once for a row: its result must depend on
   * nothing else.
   *
   * ```ts
   * const perCity = customers.groupBy((customer) => customer.city, string()).count('customers-per-city')
   * ```
   */
  groupBy<K2>(fn: (value: V, key: K, context: RecordContext) => K2, key?: Serde<K2>): Keyed<K2, GroupedTable<K2, V, K>>
  groupBy<K2>(fn: (value: V, key: K, context: RecordContext) => K2, key?: Serde<K2>): GroupedTable<K2, V, K> {
    const table: TablePlan<V> = this.#from
    return new GroupedTable(table, fn, key, (plan) => new Table(plan, this.toStream))
  }

  /**
   * The `n` rows (1 to 1,000) with the greatest ranks, the greatest first, of all rows that are there now: `by` takes the rank, a
   * finite number or a string. Rows with the same rank are in the order of their keys. The result has one entry, of the key
   * `all`: the rows in order. It is kept under a name. Without rows it is not there. The callback must depend on nothing but
   * the row.
   *
   * ```ts
   * const dearest = products.topN('dearest', 10, (product) => product.price)
   * ```
   */
  topN(
    name: string,
    n: number,
    by: (value: V, key: K, context: RecordContext) => Comparable,
    options: TopOptions = {},
  ): Table<string, readonly Ranked<K, V>[]> {
    return new Table(topTable({ name, rows: n, by, group: undefined, options }, this.#from), this.toStream)
  }

  /**
   * The same table. What fails in a step that is made from it, such as `mapValues` or `join`, has another error policy: see `onError`
   * of a stream.
   *
   * ```ts
   * totals.onError('skip').mapValues((total) => checked(total), { name: 'checked-totals' })
   * ```
   */
  onError(policy: ErrorPolicy): Table<K, V> {
    const { node, rowKey, value, window } = this[PLAN]
    const step = { ...tableStep('onError', node, undefined), label: `onError ${policyText(policy)}` }
    const plan = {
      kind: 'table',
      node,
      rowKey,
      value,
      window,
      policy: { ...step, kind: 'errorPolicy', policy },
    } as const
    return new Table(plan, this.toStream)
  }

  /** What the steps of this table are made from. */
  get #from(): TablePlan<V> {
    const plan: TablePlan<V> = this[PLAN]
    return plan.policy === undefined ? plan : { ...plan, node: plan.policy }
  }

  #joined<R>(
    kind: JoinKind,
    name: string,
    other: Table<K, unknown>,
    fn: JoinFn,
    { value }: JoinedTableOptions<R>,
  ): Table<K, R> {
    return new Table(joinedTable(kind, name, this.#from, other[PLAN], fn, value), this.toStream)
  }

  #store<V2>(name: string | undefined, value: Serde<V2> | undefined): StorePlan | undefined {
    const { rowKey, window } = this[PLAN]
    return name === undefined ? undefined : storePlan(name, rowKey, value, window, false)
  }

  #derived<V2>(node: PlanNode, value: Serde<V2> | undefined): Table<K, V2> {
    const { rowKey, window } = this[PLAN]
    return new Table({ kind: 'table', node, rowKey, value, window }, this.toStream)
  }

  /** How keys of this table are written in a stream. */
  #key(): Serde<K> {
    const { rowKey, window } = this[PLAN]
    // At this boundary the plan's serde gets its type back: K is what the table was made with.
    return (window === undefined ? rowKey : windowed(rowKey)) as unknown as Serde<K>
  }
}
