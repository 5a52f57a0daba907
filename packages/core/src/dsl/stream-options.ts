import type { Serde } from '../contracts/serde.ts'
import type { RecordContext } from '../plan/callback.ts'

/** How the keys and values that a callback made are written, if they are written. Default for each: `json()`. */
export interface RecordSerdes<K, V> {
  readonly key?: Serde<K>
  readonly value?: Serde<V>
}

/** Chooses a record's topic, by name. */
export type TopicChoice<K, V> = (value: V, key: K, context: RecordContext) => string

/** The options of `repartition`. */
export interface RepartitionOptions {
  /** How many partitions. Default: as many as the largest topic upstream. */
  readonly partitions?: number
}
