import { access } from 'node:fs/promises'
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { badInput, unreadableFile } from '../input-error.ts'
import type { ImportedRow, RowSource } from './row-source.ts'

/**
 * Reads a parquet file one row group at a time: what its writer held in memory, so do we. Dates become ms since the epoch,
 * 64-bit integers become numbers where they are safe, and text where they are not.
 */
export async function parquetRows(path: string, rowsMax: number): Promise<RowSource> {
  const { file, metadata } = await openParquet(path)
  const total = Math.min(rowsMax, Number(metadata.num_rows))
  let done = 0
  const dates = new Set<string>()
  async function* pieces(): AsyncGenerator<readonly ImportedRow[], void> {
    for (const group of metadata.row_groups) {
      if (done >= total) return
      const rowEnd = Math.min(total, done + Number(group.num_rows))
      const rows = await parquetReadObjects({ file, metadata, compressors, rowStart: done, rowEnd }).catch((cause) => {
        throw unreadableFile(path, cause)
      })
      done = rowEnd
      for (const row of rows) toJsonValues(row, dates)
      yield rows
    }
  }
  return { total, unit: 'rows', done: () => done, dates, pieces: pieces() }
}

async function openParquet(path: string): Promise<{ readonly file: AsyncBuffer; readonly metadata: FileMetaData }> {
  try {
    await access(path)
    const file = await asyncBufferFromFile(path)
    return { file, metadata: await parquetMetadataAsync(file) }
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause) throw unreadableFile(path, cause)
    throw badInput(`${path} is no parquet file: ${cause instanceof Error ? cause.message : String(cause)}`, cause)
  }
}

function toJsonValues(row: Record<string, unknown>, dates: Set<string>): void {
  for (const column in row) {
    const value = row[column]
    if (typeof value === 'bigint') row[column] = safeNumber(value)
    else if (value instanceof Date) {
      row[column] = value.getTime()
      dates.add(column)
    } else if (typeof value === 'object' && value !== null) row[column] = JSON.parse(JSON.stringify(value, jsonSafe))
  }
}

function jsonSafe(_field: string, value: unknown): unknown {
  return typeof value === 'bigint' ? safeNumber(value) : value
}

function safeNumber(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value.toString()
}
