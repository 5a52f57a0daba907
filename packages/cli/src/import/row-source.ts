/** A row of an imported file: plain JSON values by column. */
export type ImportedRow = Readonly<Record<string, unknown>>

/** A file's rows, read a bounded piece at a time. */
export interface RowSource {
  /** How much there is in all, in the unit of `done`: rows or bytes. */
  readonly total: number
  readonly unit: 'rows' | 'bytes'
  /** How much of `total` the pieces given so far took. */
  readonly done: () => number
  /** Columns of which the rows so far held times by the file's own types; their values are ms since 1970. */
  readonly dates: ReadonlySet<string>
  readonly pieces: AsyncIterable<readonly ImportedRow[]>
}
