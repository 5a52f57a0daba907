import type { Serde } from '../contracts/serde.ts'
import type { IntervalShape, WindowShape } from '../contracts/store-shape.ts'
import type { PlanNode } from '../plan/node.ts'
import type { AsyncNode } from '../plan/nodes/async-nodes.ts'
import type { ErrorPolicyNode } from '../plan/nodes/stateless-nodes.ts'
import type { SinkNode, SourceNode } from '../plan/nodes/topic-nodes.ts'
import type { TopicPlan } from '../plan/topic-plan.ts'
import { json } from '../serdes/json.ts'

/**
 * Where a plan value holds its plan. The symbol is registered, so that a job that was built with another copy of this package
 * is still recognised.
 */
export const PLAN: unique symbol = Symbol.for('millrace.plan')

/** What a stream is made of. */
export interface StreamPlan<K, V> {
  readonly kind: 'stream'
  readonly node: PlanNode
  /** Undefined if a callback made the keys and no serde for them was given. */
  readonly key: Serde<K> | undefined
  readonly value: Serde<V> | undefined
  /** Whether equal keys may be in different partitions. */
  readonly rekeyed: boolean
}

/** What a table is made of. */
export interface TablePlan<V> {
  readonly kind: 'table'
  readonly node: PlanNode
  /** How the keys of its rows are written; without the window in a windowed table. */
  readonly rowKey: Serde<never>
  readonly value: Serde<V> | undefined
  readonly window: TableWindow | undefined
  /** States the error policy of the steps that are made from the table; absent: they have that of the table. */
  readonly policy?: ErrorPolicyNode
}

/** The windows of a windowed table. */
export interface TableWindow {
  readonly shape: WindowShape | IntervalShape
  readonly retentionMs: number | undefined
}

/** What a topic is made of. */
export interface TopicValuePlan {
  readonly kind: 'topic'
  /** The one node that reads it, however often it is read. */
  readonly source: SourceNode
}

/** What a global table is made of. */
export interface GlobalTablePlan {
  readonly kind: 'globalTable'
  readonly topic: TopicPlan
}

export interface OutputPlan {
  readonly kind: 'output'
  readonly node: SinkNode | AsyncNode
}

/** What a plan value is made of; undefined for any other value. */
export function planOf(
  value: unknown,
): StreamPlan<unknown, unknown> | TablePlan<unknown> | TopicValuePlan | GlobalTablePlan | OutputPlan | undefined {
  if (typeof value !== 'object' || value === null || !(PLAN in value)) return undefined
  // Only plan values have the symbol; its value was typed when it was set.
  return value[PLAN] as ReturnType<typeof planOf>
}

/** The boundary at which a typed serde becomes the plan's. The plan is built so that a serde only meets its own values. */
export function planSerde<T>(serde: Serde<T> | undefined): Serde<never> {
  return (serde ?? json<T>()) as Serde<never>
}
