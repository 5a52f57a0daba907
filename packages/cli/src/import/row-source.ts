import type { MillraceError } from '@millrace/core'

/** A row of an imported file, as the parts of a record. */
export interface ReadRow {
  readonly error?: undefined
  /** The number of the row's line in a text file, or of the row in another file; counted from 1. */
  readonly line: number
  /** The row as a JSON object, exact in every digit. */
  readonly json: string
  /** What the key's column holds: text, or bytes as they are; undefined if the row has no key. */
  readonly key: string | Uint8Array | undefined
  /** What the column of the event time holds: text, a number, a `NumberText`, or no value. */
  readonly time: unknown
  /** Whether the file itself states that `time` is a time, in ms since 1970. */
  readonly isDate: boolean
  /** The row as it stands in the file, for a dead letter. */
  readonly raw: string | Uint8Array
  /** Columns of integers that JavaScript rounds, and that are strings in this row. */
  readonly asText?: readonly string[]
}

/** A row of an imported file that cannot be used: the error names file, line and column. */
export interface BadRow {
  readonly error: MillraceError
  readonly line: number
  readonly raw: string | Uint8Array
}

export type ImportedRow = ReadRow | BadRow

/** A file's rows, read in pieces of bounded size. */
export interface RowSource {
  /** For messages. */
  readonly file: string
  /** What `line` counts, for messages. */
  readonly counts: 'line' | 'row'
  /** The total size, in the unit of `done`; undefined if it is not known. */
  readonly total: number | undefined
  readonly unit: 'rows' | 'bytes'
  /** How much of `total` was read for the pieces returned so far. */
  readonly done: () => number
  readonly pieces: AsyncIterable<readonly ImportedRow[]>
  /** Must be called for each row that becomes a record: `notes` is about these rows. */
  readonly taken?: (row: ReadRow) => void
  /** Notes for a person about the rows that became records, one line each. */
  readonly notes: () => readonly string[]
}

/** What is read from a file's rows. */
export interface RowPlan {
  /** The column that is the key. */
  readonly key: string
  /** The column that is the event time; undefined if the file has none. */
  readonly timestamp: string | undefined
  readonly columns: ReadonlyMap<string, ColumnType>
  readonly delimiter: string | undefined
  /** The encoding of text; undefined is UTF-8. */
  readonly encoding: string | undefined
  /** Reports to a person what was decided. */
  readonly printNote: (text: string) => void
}

/** What the cells of a column become: see `column-type.ts`. */
export type ColumnType = 'string' | 'number' | 'decimal' | 'boolean'
