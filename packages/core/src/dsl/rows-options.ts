import type { Duration } from './duration.ts'

/** How a table keeps the rows that records set. */
export interface RowsOptions {
  /**
   * How long after the time of its last record, by event time, a row is there. Then it leaves the table, as if a record without a value
   * had come at that time. Default: it stays until it is deleted.
   */
  readonly ttl?: Duration
}
