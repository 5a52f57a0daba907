import { extname } from 'node:path'
import { badInput } from '../input-error.ts'
import { csvRows } from './csv-rows.ts'
import { ndjsonRows } from './ndjson-rows.ts'
import { parquetRows } from './parquet-rows.ts'
import type { RowSource } from './row-source.ts'

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
