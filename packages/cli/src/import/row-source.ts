/** A row of an imported file: plain JSON values by column. */
export type ImportedRow = Readonly<Record<string, unknown>>

/** A file's rows, read a bounded piece at a time. */
export interface RowSource {
  /** How much there is in all, in the unit of `done`: rows or bytes. */
  readonly total: number
  readonly unit: 'rows' | 'bytes'
  /** How much of `total` the pieces given so far took. */
  readonly done: () => number
  readonly pieces: AsyncIterable<readonly ImportedRow[]>
}
