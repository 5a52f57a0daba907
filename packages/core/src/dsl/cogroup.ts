import type { Serde } from '../contracts/serde.ts'
import type { Add, RecordContext } from '../plan/callback.ts'
import type { PlanNode } from '../plan/node.ts'
import type { CogroupNode } from '../plan/nodes/aggregate-nodes.ts'
import { parametersSeen, READS_ALL } from '../plan/step-flow.ts'
import { rowKeepsKey, storeStep } from '../plan/step-parts.ts'
import { copartitioned } from './copartitioned.ts'
import type { GroupedStream } from './grouped-stream.ts'
import { PLAN, planSerde } from './plan-value.ts'
import { storePlan } from './store-plan.ts'
import { Stream } from './stream.ts'
import { Table } from './table.ts'

/** What the total of several streams starts from. */
export interface CogroupOptions<T> {
  /** The total before the first record. */
  readonly init: () => T
  /** How totals are written. Default `json()`. */
  readonly value?: Serde<T>
}

/** Adds a record of one of the streams to the total that they share: see `AggregateOptions.add`. */
export type CogroupAdd<K, V, T> = (total: T, value: V, key: K, context: RecordContext) => NoInfer<T>

/** A total of several streams that has no stream yet: the first `add` makes it a table. */
export interface Cogroup<T> {
  /** The first stream: see `CogroupedTable.add`. */
  add<K, V>(part: string, records: GroupedStream<K, V>, fn: CogroupAdd<K, V, T>): CogroupedTable<K, T>
}

/**
 * One total for each key, of the records of several grouped streams. The streams must have the same keys, written by the same
 * serde.
 *
 * ```ts
 * const customers = cogroup('customers', { init: () => ({ orders: 0, visits: 0 }) })
 *   .add('orders', stream(orders).groupByKey(), (total) => ({ ...total, orders: total.orders + 1 }))
 *   .add('visits', stream(visits).groupByKey(), (total) => ({ ...total, visits: total.visits + 1 }))
 * ```
 */
export function cogroup<T>(name: string, { init, value }: CogroupOptions<T>): Cogroup<T> {
  return Object.freeze({
    add: <K, V>(part: string, records: GroupedStream<K, V>, fn: CogroupAdd<K, V, T>) =>
      new CogroupedTable<K, T>({ name, init, value, parts: [partOf(name, part, records, fn)] }),
  })
}

/** A stream of a cogroup. */
interface Part {
  readonly input: PlanNode
  readonly key: Serde<never>
  readonly add: Add
}

interface Parts<T> {
  readonly name: string
  readonly init: () => T
  readonly value: Serde<T> | undefined
  readonly parts: readonly [Part, ...Part[]]
}

/** A table of totals that several streams share. Each `add` gives a new table, and leaves this one as it is. */
export class CogroupedTable<K, T> extends Table<K, T> {
  readonly #parts: Parts<T>

  /** Not for jobs: start with `cogroup`. */
  constructor(parts: Parts<T>) {
    const node = nodeOf(parts)
    const plan = { kind: 'table', node, rowKey: node.stores[0].key, value: parts.value, window: undefined } as const
    super(plan, (records) => new Stream(records))
    this.#parts = parts
    Object.freeze(this)
  }

  /**
   * One stream more. If its keys were chosen by a callback, it goes through the repartition topic `<name>.<part>`.
   *
   * ```ts
   * const all = customers.add('returns', stream(returns).groupByKey(), (total) => ({ ...total, orders: total.orders - 1 }))
   * ```
   */
  add<V>(part: string, records: GroupedStream<K, V>, fn: CogroupAdd<K, V, T>): CogroupedTable<K, T> {
    const { name, parts } = this.#parts
    return new CogroupedTable({ ...this.#parts, parts: [...parts, partOf(name, part, records, fn)] })
  }
}

function partOf<K, V, T>(name: string, part: string, records: GroupedStream<K, V>, fn: CogroupAdd<K, V, T>): Part {
  const { node, key } = copartitioned(records[PLAN], `${name}.${part}`)
  return { input: node, key: planSerde(key), add: fn }
}

function nodeOf<T>({ name, init, value, parts }: Parts<T>): CogroupNode {
  const [first] = parts
  const store = storePlan(name, first.key, value, undefined, true)
  const flow = {
    ...READS_ALL,
    keepsKey: rowKeepsKey(store),
    readsValue: parts.some(({ add }) => parametersSeen(add) >= 2),
  }
  return Object.freeze({
    ...storeStep('cogroup', first.input, store, flow),
    kind: 'cogroup',
    inputs: parts.map(({ input }) => input),
    takes: parts.map(() => 'records' as const),
    keys: parts.map(({ key }) => key),
    init,
    adds: parts.map(({ add }) => add),
  })
}
