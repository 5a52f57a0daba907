/** A row of a top N. */
export interface Ranked<K, V> {
  /** The first row has rank 1. */
  readonly rank: number
  /** The key of the row in the table that is ranked. */
  readonly key: K
  readonly value: V
}
