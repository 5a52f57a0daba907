import type { Serde } from '../contracts/serde.ts'
import { PASSES_ALL } from '../plan/step-flow.ts'
import { NO_KEY } from '../serdes/no-key.ts'
import { type Duration, durationMs } from './duration.ts'
import { PLAN, planSerde, type TopicValuePlan } from './plan-value.ts'

/** A record with tomorrow's time is more often the result of a wrong clock than intended. */
const AHEAD_MAX: Duration = '1d'

/** The options for the records of every topic, with keys or without. */
interface RecordOptions<V> {
  /** How values are written. */
  readonly value: Serde<V>
  /**
   * How far a record's event time may be ahead of the wall clock when the job reads the record. A record that is further
   * ahead is not processed, since it would close every window before it: the policy `undecodable` decides. `unlimited` is for
   * times that are meant to be in the future, such as forecasts and timetables. Default `1d`.
   */
  readonly aheadMax?: Duration | 'unlimited'
}

/** How the records of a topic with keys are read and written. */
export interface TopicOptions<K, V> extends RecordOptions<V> {
  /** How keys are written. */
  readonly key: Serde<K>
  /** Event time from the value, ms since the epoch. Default: the time that the record carries. */
  readonly timestamp?: (value: Known<NoInfer<V>>, key: Known<NoInfer<K>>) => number
}

/** How the records of a topic without keys are read and written. */
export interface KeylessTopicOptions<V> extends RecordOptions<V> {
  /** Absent: the records have no keys. */
  readonly key?: undefined
  /** Event time from the value, ms since the epoch. Default: the time that the record carries. */
  readonly timestamp?: (value: Known<NoInfer<V>>, key: null) => number
}

/** The type that a serde declares; `unknown` if it declares none, as a bare `json()` does. */
type Known<T> = [T] extends [never] ? unknown : T

declare const ACCEPTS: unique symbol

/** A topic that takes records of these types, or of wider ones. */
export interface SinkTopic<K, V> {
  readonly name: string
  readonly [PLAN]: TopicValuePlan
  /** Never set: for the compiler, a topic that takes wider types also takes narrower ones. */
  readonly [ACCEPTS]?: (key: K, value: V) => void
}

/** A topic as a job names it. It defines how records are read and written; it does not create the topic. */
export interface Topic<K, V> extends SinkTopic<K, V> {
  readonly key: Serde<K>
  readonly value: Serde<V>
}

/**
 * Names a topic and defines what its records are. Define each topic once, and use it wherever the topic is read or written.
 *
 * A topic with `key` has a key in every record. A record without a key is rejected when it is read, by the policy `keyless` of
 * the job. A topic without `key` has no keys: its records' keys read as null, and steps that work by key need `groupBy` or
 * `keyBy` first.
 *
 * ```ts
 * const flights = topic('flights', { key: string(), value: json<Flight>(), timestamp: (flight) => flight.date })
 * const readings = topic('readings', { value: json<Reading>() })
 * ```
 */
export function topic<K, V>(name: string, options: TopicOptions<K, V>): Topic<Known<K>, Known<V>>
export function topic<V>(name: string, options: KeylessTopicOptions<V>): Topic<null, Known<V>>
// The first overload again. After a mistake the compiler continues with the first, and explains the mistake by the last.
// Nearly all topics have keys.
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
    takes: [],
    stores: [],
    flow: PASSES_ALL,
  } as const
  const source = Object.freeze({ ...parts, kind: 'source', topic: plan, start: undefined, bootstrap: false } as const)
  return Object.freeze({ name, key, value, [PLAN]: Object.freeze({ kind: 'topic', source } as const) })
}
