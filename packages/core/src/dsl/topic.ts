import type { Serde } from '../contracts/serde.ts'
import { PASSES_ALL } from '../plan/step-flow.ts'
import { NO_KEY } from '../serdes/no-key.ts'
import { type Duration, durationMs } from './duration.ts'
import { PLAN, planSerde, type TopicValuePlan } from './plan-value.ts'

/** A record from tomorrow is a clock gone wrong more often than a plan. */
const AHEAD_MAX: Duration = '1d'

/** What is said of the records of every topic, with keys or without. */
interface RecordOptions<V> {
  /** How values are written. */
  readonly value: Serde<V>
  /**
   * How far a record's event time may be ahead of the wall clock when the job reads it. What is further ahead is not
   * processed, since it would close every window before it: the policy `undecodable` decides. `unlimited` is for times that are
   * meant to be in the future, such as forecasts and timetables. Default `1d`.
   */
  readonly aheadMax?: Duration | 'unlimited'
}

export interface TopicOptions<K, V> extends RecordOptions<V> {
  /** How keys are written. */
  readonly key: Serde<K>
  /** Event time from the value, ms since the epoch. Default: the time that the record carries. */
  readonly timestamp?: (value: Known<NoInfer<V>>, key: Known<NoInfer<K>>) => number
}

export interface KeylessTopicOptions<V> extends RecordOptions<V> {
  /** Left out: the records have no keys. */
  readonly key?: undefined
  /** Event time from the value, ms since the epoch. Default: the time that the record carries. */
  readonly timestamp?: (value: Known<NoInfer<V>>, key: null) => number
}

/** The type that a serde says; `unknown` where it says none, as a bare `json()` does. */
type Known<T> = [T] extends [never] ? unknown : T

declare const ACCEPTS: unique symbol

/** A topic that takes records of these types, or of wider ones. */
export interface SinkTopic<K, V> {
  readonly name: string
  readonly [PLAN]: TopicValuePlan
  /** Never there: it tells the compiler that what takes more also takes less. */
  readonly [ACCEPTS]?: (key: K, value: V) => void
}

/** A topic as a job names it. It says how records are read and written; it does not create the topic. */
export interface Topic<K, V> extends SinkTopic<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/**
 * Names a topic and says what its records are. Define each topic once, and use it wherever the topic is read or written.
 *
 * A topic with `key` has a key in every record: one without is refused where it is read, by the policy `keyless` of the job.
 * A topic without `key` has none: its records' keys read as null, and steps that work by key need `groupBy` or `keyBy` first.
 *
 * ```ts
 * const flights = topic('flights', { key: string(), value: json<Flight>(), timestamp: (flight) => flight.date })
 * const readings = topic('readings', { value: json<Reading>() })
 * ```
 */
export function topic<K, V>(name: string, options: TopicOptions<K, V>): Topic<Known<K>, Known<V>>
export function topic<V>(name: string, options: KeylessTopicOptions<V>): Topic<null, Known<V>>
// Again: the compiler goes on with the first after a mistake, and explains the mistake by the last. Nearly all topics have keys.
export function topic<K, V>(name: string, options: TopicOptions<K, V>): Topic<Known<K>, Known<V>>
export function topic<K, V>(name: string, options: TopicOptions<K, V> | KeylessTopicOptions<V>): Topic<K | null, V> {
  const { value, timestamp, aheadMax = AHEAD_MAX } = options
  const key: Serde<K> | Serde<null> = options.key ?? NO_KEY
  const aheadMaxMs = aheadMax === 'unlimited' ? Number.POSITIVE_INFINITY : durationMs(aheadMax)
  const plan = Object.freeze({ name, key: planSerde(key), value: planSerde(value), timestamp, aheadMaxMs })
  const parts = {
    label: `stream "${name}"`,
    word: 'stream',
    inputs: [],
    takes: 'records',
    stores: [],
    flow: PASSES_ALL,
  } as const
  const source = Object.freeze({ ...parts, kind: 'source', topic: plan } as const)
  return Object.freeze({ name, key, value, [PLAN]: Object.freeze({ kind: 'topic', source } as const) })
}
