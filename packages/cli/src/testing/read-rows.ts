import { Readable } from 'node:stream'
import { MillraceError } from '@millrace/core'
import { asyncBufferFromFile, parquetMetadataAsync, parquetSchema } from 'hyparquet'
import { formatOf, openRows } from '../import/open-rows.ts'
import type { ColumnType, ImportedRow } from '../import/row-source.ts'

/** What an import reads from a file. */
export interface ReadFile {
  readonly rows: readonly ImportedRow[]
  /** The error that ended it early. */
  readonly error: MillraceError | undefined
}

/** Reads the rows of a file as an import does. Throws every error that has no code: such an error is a bug of the reader. */
export async function readRows(
  path: string,
  key: string,
  columns: ReadonlyMap<string, ColumnType> = new Map(),
): Promise<ReadFile> {
  const rows: ImportedRow[] = []
  const plan = {
    key,
    timestamp: undefined,
    columns,
    delimiter: undefined,
    encoding: undefined,
    printNote: () => undefined,
  }
  try {
    const source = await openRows(path, formatOf(path), Readable.from([]), plan)
    for await (const piece of source.pieces) for (const row of piece) rows.push(row)
    return { rows, error: undefined }
  } catch (error) {
    if (error instanceof MillraceError) return { rows, error }
    throw error
  }
}

/** The name of a parquet file's first column. */
export async function firstColumn(path: string): Promise<string> {
  const metadata = await parquetMetadataAsync(await asyncBufferFromFile(path))
  return parquetSchema(metadata).children[0]?.element.name ?? ''
}
