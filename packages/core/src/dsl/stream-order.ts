import type { InOrderNode } from '../plan/nodes/order-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { storeStep } from '../plan/step-parts.ts'
import { nullable } from '../serdes/nullable.ts'
import { copartitioned } from './copartitioned.ts'
import { type Duration, durationMs } from './duration.ts'
import type { Keyed } from './keyed.ts'
import { PLAN, planSerde, type StreamPlan } from './plan-value.ts'
import { type MatchOptions, matchSteps, type Sequence } from './sequence.ts'
import { recordStorePlan } from './store-plan.ts'
import type { Stream, TimelyStream } from './stream.ts'
import { StreamJoins } from './stream-joins.ts'

/** For how long records are awaited. */
export interface OrderOptions {
  /** How long after its time, by event time, a record is still taken. Default 0: records of each partition come in order. */
  readonly grace?: Duration
}

/** The steps of a stream for which the order of event times matters. */
export abstract class StreamOrder<K, V> extends StreamJoins<K, V> {
  /**
   * The records in the order of their event times; those of equal times in the order in which they came. A record waits until the
   * watermark has passed its time by `grace`, since no earlier one can come then. Records that come later than that are in `late()`.
   *
   * ```ts
   * const ordered = stream(positions).inOrder('positions-in-order', { grace: '10s' })
   * ```
   */
  inOrder<Key>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    options?: OrderOptions,
  ): TimelyStream<Key, V, V>
  inOrder(name: string, options: OrderOptions = {}): TimelyStream<K, V, V> {
    const plan = inOrderPlan(this[PLAN], 'inOrder', name, options)
    return this.timely(plan, plan)
  }

  /**
   * The matches of a sequence among the records of each key, taken in the order of their event times. A match has the time of its last
   * record, and none of its records is in another one. Records that come too late are in `late()`.
   *
   * ```ts
   * const guessed = sequence<Login>()
   *   .then('failures', (login) => !login.ok, { times: 3 })
   *   .then('success', (login) => login.ok)
   *   .within('10m')
   * const guesses = stream(logins).match('guesses', guessed, { grace: '1m' })
   * ```
   */
  match<Key, M>(
    this: Stream<Key, V> & Keyed<Key, unknown>,
    name: string,
    sequence: Sequence<V, M>,
    options?: MatchOptions<M>,
  ): TimelyStream<Key, M, V>
  match<M>(name: string, sequence: Sequence<V, M>, options: MatchOptions<M> = {}): TimelyStream<K, M, V> {
    const ordered = inOrderPlan(this[PLAN], 'match', `${name}.order`, options)
    return this.timely(matchSteps(ordered, name, sequence, options), ordered)
  }
}

function inOrderPlan<K, V>(
  stream: StreamPlan<K, V>,
  word: string,
  name: string,
  { grace = 0 }: OrderOptions,
): StreamPlan<K, V> & { readonly node: InOrderNode } {
  const plan = copartitioned(stream, name)
  const graceMs = durationMs(grace)
  const store = recordStorePlan(name, planSerde(plan.key), nullable(planSerde(plan.value)), graceMs, false)
  // What time passes on comes without a record whose key bytes it could have.
  return { ...plan, node: { ...storeStep(word, plan.node, store, READS_ALL), kind: 'inOrder', graceMs } }
}
