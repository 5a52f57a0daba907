import type { Headers } from '../headers.ts'

/** A record that a program appends to a topic. */
export type NewRecord<K, V> = RecordContent<V> & RecordKey<K>

interface RecordContent<V> {
  /** Null is a deletion: a record without a value. */
  readonly value: V | null
  /**
   * Event time, ms since the epoch. Default: what the topic's `timestamp` takes from the value; without `timestamp`, or for a
   * deletion, the log's wall clock.
   */
  readonly timestamp?: number
  /** Default: none. */
  readonly headers?: Headers
  /**
   * The partition, counted from 0. Default: the one that Kafka's default partitioner gives the key; records of topics without
   * keys go to the partitions in turn. A job finds all records of a key in one task only if none of them states another
   * partition.
   */
  readonly partition?: number
}

/** A topic with keys needs a key in every record. */
type RecordKey<K> = [K] extends [null] ? { readonly key?: null } : { readonly key: K }
