import type { Serde } from '../contracts/serde.ts'
import type { RecordContext } from '../plan/callback.ts'
import type { DedupeNode } from '../plan/nodes/aggregate-nodes.ts'
import { PASSES_ALL, seenBy } from '../plan/step-flow.ts'
import { storeStep } from '../plan/step-parts.ts'
import { json } from '../serdes/json.ts'
import { int64 } from '../serdes/numbers.ts'
import { copartitioned } from './copartitioned.ts'
import { type Duration, durationMs } from './duration.ts'
import type { Keyed } from './keyed.ts'
import { PLAN, planSerde, type StreamPlan } from './plan-value.ts'
import { storePlan } from './store-plan.ts'
import type { Stream, TimelyStream } from './stream.ts'
import { StreamOrder } from './stream-order.ts'

/** Which records are repeats of each other. */
export interface DedupeOptions<K, V> {
  /** How near in event time a record must be to the one that has passed, to be its repeat. */
  readonly within: Duration
  /** What repeats of a key have in common. Default: all records of a key are repeats of each other. */
  readonly id?: (value: V, key: K, context: RecordContext) => string | number
  /** How long after its time, by event time, a record is still taken. Default: as long as `within`. */
  readonly grace?: Duration
}

/** The step of a stream that leaves out repeats. */
export abstract class StreamDedupe<K, V> extends StreamOrder<K, V> {
  /**
   * Leaves out repeats: of the records that have the same key (and the same `id`) and are less than `within` apart in event
   * time, the one that comes first passes, at once. The others are dropped, and counted as `duplicates` in the job's status.
   *
   * ```ts
   * const once = stream(payments).dedupe('payments-once', { within: '1h', id: (payment) => payment.number })
   * job('payments', once.to(cleanPayments), once.late().to(latePayments))
   * ```
   */
  dedupe<Key>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    options: DedupeOptions<Key, V>,
  ): TimelyStream<Key, V, V>
  dedupe(name: string, options: DedupeOptions<K, V>): TimelyStream<K, V, V> {
    const plan = dedupedPlan(this[PLAN], name, options)
    return this.timely(plan, plan)
  }
}

function dedupedPlan<K, V>(
  stream: StreamPlan<K, V>,
  name: string,
  options: DedupeOptions<K, V>,
): StreamPlan<K, V> & { readonly node: DedupeNode } {
  const plan = copartitioned(stream, name)
  const { id } = options
  const withinMs = durationMs(options.within)
  const graceMs = options.grace === undefined ? withinMs : durationMs(options.grace)
  const key = planSerde(plan.key)
  // A record in time may be as late as the grace, and a repeat of one that is `within` before it.
  const windows = { shape: { kind: 'window' as const, sizeMs: withinMs }, retentionMs: withinMs + graceMs }
  const store = storePlan(name, id === undefined ? key : identified(key), int64(), windows, false)
  const flow = { ...PASSES_ALL, readsKey: true, readsValue: id !== undefined && seenBy(id).readsValue }
  const parts = storeStep('dedupe', plan.node, store, flow)
  return { ...plan, node: { ...parts, kind: 'dedupe', key, id, withinMs, graceMs } }
}

/** Under another name than that of the key alone: a state with ids is never read as one without. */
function identified(key: Serde<never>): Serde<never> {
  return planSerde({ ...json<readonly [key: unknown, id: unknown]>(), name: `id(${key.name})` })
}
