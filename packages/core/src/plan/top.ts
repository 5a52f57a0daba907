/** The largest top: 1,000 rows of 1 KiB are one value of the view, of 1 MiB. */
export const TOP_ROWS_MAX = 1000

/** Which rows of a group a top N has. */
export interface Top {
  /** How many at most. */
  readonly rows: number
  /** What comes first: the greatest rank, or the least. */
  readonly order: 'descending' | 'ascending'
}
