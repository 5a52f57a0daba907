import { extname } from 'node:path'
import type { Readable } from 'node:stream'
import { badInput, badUsage } from '../input-error.ts'
import { ndjsonRows } from './ndjson-rows.ts'
import type { RowPlan, RowSource } from './row-source.ts'
import { openText } from './text-input.ts'

/** The kinds of files that can be imported. */
export const FORMATS = ['parquet', 'ndjson', 'csv', 'tsv'] as const

export type Format = (typeof FORMATS)[number]

const EXTENSIONS: Readonly<Record<string, Format>> = {
  '.parquet': 'parquet',
  '.ndjson': 'ndjson',
  '.jsonl': 'ndjson',
  '.csv': 'csv',
  '.tsv': 'tsv',
}
const COMPRESSED = ['.gz', '.zst', '.zstd']

/** The name that stands for stdin instead of a file. */
export const STDIN = '-'

/** The kind of a file by its name, also before `.gz` or `.zst`. Throws `BAD_INPUT` if the name has no known ending. */
export function formatOf(path: string): Format {
  if (path === STDIN) throw badUsage(`The kind of stdin is not known. Give --format ${FORMATS.join(', --format ')}`)
  const extension = extname(path).toLowerCase()
  const inner = COMPRESSED.includes(extension) ? extname(path.slice(0, -extension.length)).toLowerCase() : extension
  const format = Object.hasOwn(EXTENSIONS, inner) ? EXTENSIONS[inner] : undefined
  if (format !== undefined) return format
  const known = Object.keys(EXTENSIONS).join(', ')
  throw badInput(
    `File ${path} has an unknown kind. Give --format, or a name that ends in ${known} (text also with .gz or .zst)`,
  )
}

/** Opens a file, or stdin; throws `FILE_MISSING` and `BAD_INPUT`. */
export async function openRows(path: string, format: Format, stdin: Readable, plan: RowPlan): Promise<RowSource> {
  if (format === 'parquet') {
    if (plan.delimiter !== undefined || plan.encoding !== undefined) {
      throw badUsage(`File ${path} is a parquet file, which has no --delimiter and no --encoding. Leave them out`)
    }
    const { parquetRows } = await import('./parquet-rows.ts')
    if (path !== STDIN && !COMPRESSED.includes(extname(path).toLowerCase())) return parquetRows(path, plan)
    throw badInput(
      `File ${path} is a compressed parquet file, which cannot be read piece by piece. Decompress it, and import the result`,
    )
  }
  const input = await openText(path === STDIN ? undefined : path, stdin, plan.encoding)
  if (format !== 'ndjson') {
    const { csvRows } = await import('./csv-rows.ts')
    return csvRows(input, plan, plan.delimiter ?? (format === 'tsv' ? '\t' : ','))
  }
  if (plan.delimiter === undefined) return ndjsonRows(input, plan)
  throw badUsage(`File ${path} is JSON, which has no --delimiter. Leave it out`)
}
