import { extname } from 'node:path'
import { badInput } from '../input-error.ts'
import { csvRows } from './csv-rows.ts'
import { ndjsonRows } from './ndjson-rows.ts'
import { parquetRows } from './parquet-rows.ts'

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

const READERS: Readonly<Record<string, (path: string, rowsMax: number) => Promise<RowSource>>> = {
  '.parquet': parquetRows,
  '.ndjson': ndjsonRows,
  '.jsonl': ndjsonRows,
  '.csv': csvRows,
}

/** Opens a file by its extension; throws `FILE_MISSING` and `BAD_INPUT`. `rowsMax` rows are wanted at most. */
export function openRows(path: string, rowsMax: number): Promise<RowSource> {
  const open = READERS[extname(path).toLowerCase()]
  if (open !== undefined) return open(path, rowsMax)
  throw badInput(`${path} is of no kind that can be imported: there are ${Object.keys(READERS).join(', ')}`)
}
