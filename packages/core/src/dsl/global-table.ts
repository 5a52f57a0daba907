import type { Keyed } from './keyed.ts'
import { type GlobalTablePlan, PLAN } from './plan-value.ts'
import type { Topic } from './topic.ts'

/** A topic of which every task reads all partitions: the latest value by key. Made by `globalTable(topic)`. */
export class GlobalTable<K, V> {
  readonly [PLAN]: GlobalTablePlan
  /** Never set: they give the compiler the types of the keys and rows. */
  declare protected readonly keyType: K
  declare protected readonly valueType: V

  /** Not for jobs. */
  constructor(plan: GlobalTablePlan) {
    this[PLAN] = Object.freeze(plan)
    Object.freeze(this)
  }
}

/**
 * Reads a topic as a global table: every task has all of it, so a stream can be joined with it by any key, without a repartition.
 * A record without a value deletes its row. Each join keeps its own copy of the table in each task, under the name of the join.
 *
 * ```ts
 * const customers = globalTable(customerChanges)
 * stream(orders).join('with-city', customers, (order) => order.customer, (order, { city }) => ({ ...order, city }))
 * ```
 */
export function globalTable<K, V>(topic: Topic<K, V> & Keyed<K, unknown>): GlobalTable<K, V>
export function globalTable(topic: Topic<unknown, unknown>): GlobalTable<unknown, unknown> {
  return new GlobalTable({ kind: 'globalTable', topic: topic[PLAN].source.topic })
}
