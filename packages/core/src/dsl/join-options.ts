import type { Serde } from '../contracts/serde.ts'
import type { Duration } from './duration.ts'

/** How near in event time two records must be to be joined. */
export interface JoinWithin {
  /** How much earlier than this stream's record the other one may be. Default 0. */
  readonly before?: Duration
  /** How much later than this stream's record the other one may be. Default 0. */
  readonly after?: Duration
}

/** How two streams are joined. */
export interface StreamJoinOptions<R> {
  /** How near in event time two records must be. A duration counts in both directions; both ends belong to it. */
  readonly within: Duration | JoinWithin
  /**
   * How long after its time, by the event time of its partition, a record is still joined. Later ones are counted, and
   * passed to `lateLeft()` and `lateRight()`. Default 0.
   */
  readonly grace?: Duration
  /** How the joined values are written. Default `json()`. */
  readonly value?: Serde<R>
}

/** How several streams are joined. `R` is what the results are. */
export interface JoinAllOptions<R> {
  /** How near in event time all records of a result must be: the latest is at most so much later than the earliest. */
  readonly within: Duration
  /**
   * How long after its time, by the event time of its partition, a record is still joined. Later ones are counted, and
   * passed to `late(…)`. Default 0.
   */
  readonly grace?: Duration
  /** How the results are written. Default `json()`. */
  readonly value?: Serde<R>
}

/** How a stream is joined with a table as of the time of each record. */
export interface AsOfOptions {
  /**
   * How long after its time, by the event time of its partition, a record or a change of the table is still taken. Later ones are
   * counted, and passed to `lateLeft()` and `lateRight()`. Default 0.
   */
  readonly grace?: Duration
}

/** How a stream is joined with a table. */
export interface TableJoinOptions<R> {
  /**
   * Joins each record with the row as of the record's time, once that is known. Default: with the row that the table has when the
   * record is processed.
   */
  readonly asOf?: AsOfOptions
  /** How the joined values are written. Default `json()`. */
  readonly value?: Serde<R>
}

/**
 * Nothing if two streams have the same type of keys. Else a type that nothing has: the compiler shows the name of its only
 * field.
 */
export type SameKeys<K, K2> = [K] extends [K2] ? ([K2] extends [K] ? unknown : KeysDiffer) : KeysDiffer

export interface KeysDiffer {
  readonly 'The keys have different types. Give both sides the same keys with keyBy first': never
}
