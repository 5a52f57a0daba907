import type { Serde } from '../contracts/serde.ts'
import type { RecordContext } from '../plan/callback.ts'
import type { DedupeNode } from '../plan/node.ts'
import { PASSES_ALL, seenBy } from '../plan/step-flow.ts'
import { lateNode, storeStep } from '../plan/step-parts.ts'
import { json } from '../serdes/json.ts'
import { int64 } from '../serdes/numbers.ts'
import { copartitioned } from './copartitioned.ts'
import { type Duration, durationMs } from './duration.ts'
import type { Keyed } from './keyed.ts'
import { PLAN, planSerde, type StreamPlan } from './plan-value.ts'
import { storePlan } from './store-plan.ts'
import { Stream } from './stream.ts'

/** Which records are repeats of each other. */
export interface DedupeOptions<K, V> {
  /** How near in event time a record must be to the one that has passed, to be its repeat. */
  readonly within: Duration
  /** What repeats of a key have in common. Default: all records of a key are repeats of each other. */
  readonly id?: (value: V, key: K, context: RecordContext) => string | number
  /** How long after its time, by event time, a record is still taken. Default: as long as `within`. */
  readonly grace?: Duration
}

/**
 * Leaves out repeats: of the records that have the same key (and the same `id`) and are less than `within` apart in event
 * time, the one that comes first passes, at once. The others are dropped, and counted as `duplicates` in the job's status.
 *
 * ```ts
 * const once = dedupe('payments-once', stream(payments), { within: '1h', id: (payment) => payment.number })
 * ```
 */
export function dedupe<K, V>(
  name: string,
  records: Stream<K, V> & Keyed<K, unknown>,
  options: DedupeOptions<K, V>,
): DedupedStream<K, V>
export function dedupe<K, V>(name: string, records: Stream<K, V>, options: DedupeOptions<K, V>): DedupedStream<K, V> {
  const plan = copartitioned(records[PLAN], name)
  const { id } = options
  const withinMs = durationMs(options.within)
  const graceMs = options.grace === undefined ? withinMs : durationMs(options.grace)
  const key = planSerde(plan.key)
  // A record in time may be as late as the grace, and a repeat of one that is `within` before it.
  const windows = { shape: { kind: 'window' as const, sizeMs: withinMs }, retentionMs: withinMs + graceMs }
  const store = storePlan(name, id === undefined ? key : identified(key), int64(), windows, false)
  const flow = { ...PASSES_ALL, readsKey: true, readsValue: id !== undefined && seenBy(id).readsValue }
  const parts = storeStep('dedupe', plan.node, store, flow)
  return new DedupedStream({ ...plan, node: { ...parts, kind: 'dedupe', key, id, withinMs, graceMs } })
}

/** Under another name than that of the key alone: a state with ids is never read as one without. */
function identified(key: Serde<never>): Serde<never> {
  return planSerde({ ...json<readonly [key: unknown, id: unknown]>(), name: `id(${key.name})` })
}

/** A stream without repeats. */
export class DedupedStream<K, V> extends Stream<K, V> {
  /** Not for jobs: made by `dedupe`. */
  constructor(plan: StreamPlan<K, V> & { readonly node: DedupeNode }) {
    super(plan)
  }

  /**
   * The records that came too late to see whether they are repeats, as they were. They are not in the stream.
   *
   * ```ts
   * job('payments', once.to(cleanPayments), once.late().to(latePayments))
   * ```
   */
  late(): Stream<K, V> {
    return new Stream({ ...this[PLAN], node: lateNode(this[PLAN].node, 0) })
  }
}
