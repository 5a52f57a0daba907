import type { Duration } from './duration.ts'

/** How a table keeps the rows that records set. */
export interface RowsOptions {
  /**
   * How long after the time of its last record, by event time, a row is there. Then it leaves the table, as if a record without a value
   * had come at that time. Default: it stays until it is deleted.
   */
  readonly ttl?: Duration
}

/** How a table keeps the rows that records set, and the versions that they have had. */
export interface HistoryOptions {
  /**
   * How long, by event time, the former versions of a row are known: a stream that is joined with the table finds the row as of each
   * record's time, if the record is not older than this. Records of the table take their place by their times.
   */
  readonly history: Duration
}
