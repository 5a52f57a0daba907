import { access } from 'node:fs/promises'
import { RefusedError } from '@millrace/core'
import {
  type AsyncBuffer,
  asyncBufferFromFile,
  type FileMetaData,
  parquetMetadataAsync,
  parquetRead,
  parquetSchema,
  type RowGroup,
  type SchemaTree,
} from 'hyparquet'
import { jsonTime } from '../event-time/field-time.ts'
import { badInput, unreadableFile } from '../input-error.ts'
import { checkStated, retypedJson, typeRemedy } from './column-type.ts'
import { checkPages } from './parquet-checksums.ts'
import { type ParquetColumn, parquetColumns, physicalMetadata } from './parquet-columns.ts'
import { checkedCompressors } from './parquet-compression.ts'
import { rawCellJson } from './parquet-raw-cell.ts'
import { reasonOf } from './parquet-reason.ts'
import { textOrBytes } from './parquet-value.ts'
import type { ImportedRow, ReadRow, RowPlan, RowSource } from './row-source.ts'

/** Rows that are turned into JSON at once. The texts of a whole row group would fill the memory. */
const PARQUET_PIECE_ROWS = 5000

/** An opened file: its metadata and its columns. */
interface ParquetFile {
  readonly path: string
  readonly buffer: AsyncBuffer
  readonly metadata: FileMetaData
  readonly schema: SchemaTree
  readonly columns: readonly ParquetColumn[]
}

/**
 * Reads a parquet file one row group at a time, so that the import needs as much memory for a row group as its writer did.
 * `parquet-value.ts` defines what values become. The rows are those of the row groups, not the count in the footer: some
 * writers leave it at 0.
 */
export async function parquetRows(path: string, plan: RowPlan): Promise<RowSource> {
  const opened = await openParquet(path)
  const { row_groups: groups } = opened.metadata
  const reader = new RowReader(opened, plan)
  const total = groups.reduce((sum, group) => sum + Number(group.num_rows), 0)
  let done = 0
  async function* pieces(): AsyncGenerator<readonly ImportedRow[], void> {
    for (const [index, group] of groups.entries()) {
      const values = await readGroup(opened, group, index, done)
      const rows = Number(group.num_rows)
      for (let from = 0; from < rows; from += PARQUET_PIECE_ROWS) {
        const piece: ImportedRow[] = []
        for (let row = from; row < Math.min(rows, from + PARQUET_PIECE_ROWS); row++) {
          piece.push(reader.read(values, row, done + 1 + piece.length))
        }
        done += piece.length
        yield piece
      }
    }
  }
  const asText = new Set<string>()
  const taken = (row: ReadRow) => {
    for (const name of row.asText ?? []) asText.add(name)
  }
  const notes = () =>
    [...asText].map(
      (name) =>
        `${path}: column ${name} has integers that JavaScript rounds. They become strings. --columns ${name}:string makes all of them strings`,
    )
  return { file: path, counts: 'row', total, unit: 'rows', done: () => done, pieces: pieces(), taken, notes }
}

/** Turns the rows of a file into JSON, cell by cell. */
class RowReader {
  readonly #columns: readonly ParquetColumn[]
  readonly #path: string
  readonly #plan: RowPlan
  readonly #key: number
  readonly #time: number
  /** The text before each cell in a row's JSON. */
  readonly #prefixes: readonly string[]

  constructor(opened: ParquetFile, plan: RowPlan) {
    this.#columns = opened.columns
    this.#path = opened.path
    this.#plan = plan
    this.#key = columnIndex(opened, plan.key, 'the key')
    this.#time = plan.timestamp === undefined ? -1 : columnIndex(opened, plan.timestamp, 'the timestamp')
    const names = opened.columns.map(({ name }) => name)
    checkStated(plan.columns, names, opened.path)
    this.#prefixes = opened.columns.map(({ name }, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`)
  }

  /** A row of a row group; `line` is its number in the file. */
  read(group: readonly (readonly unknown[])[], row: number, line: number): ImportedRow {
    let json = ''
    let [keyJson, timeJson] = ['null', 'null']
    let error: RefusedError | undefined
    let asText: string[] | undefined
    for (let index = 0; index < this.#columns.length; index++) {
      const value = group[index]?.[row]
      let cell: string
      try {
        cell = this.#cell(index, value)
        if (this.#isRounded(index, value, cell)) asText = [...(asText ?? []), this.#columns[index]?.name ?? '']
      } catch (cause) {
        error ??= this.#refused(index, line, cause)
        cell = rawCellJson(value)
      }
      if (index === this.#key) keyJson = cell
      if (index === this.#time) timeJson = cell
      json += (this.#prefixes[index] ?? '') + cell
    }
    json += '}'
    if (error !== undefined) return { error, line, raw: json }
    const key = keyOf(group[this.#key]?.[row], this.#columns[this.#key], keyJson)
    const time = group[this.#time]?.[row]
    const timeMs = time === null ? undefined : this.#columns[this.#time]?.value?.timeMs
    const parts = { line, json, key, raw: json, ...(asText === undefined ? {} : { asText }) }
    if (timeMs !== undefined) return { ...parts, time: timeMs(time), isDate: true }
    return { ...parts, time: timeJson === 'null' ? undefined : jsonTime(timeJson), isDate: false }
  }

  #cell(index: number, value: unknown): string {
    const column = this.#columns[index]
    if (column === undefined) return 'null'
    const type = this.#plan.columns.get(column.name)
    if (type === undefined) return column.json(value)
    if (type === 'string' && column.value?.kind === 'bytes' && value instanceof Uint8Array) return utf8Json(value)
    const json = column.json(value)
    const retyped = retypedJson(json, type)
    if (retyped === undefined) throw badInput(`${json} is ${typeRemedy(column.name, type)}`)
    return retyped
  }

  /** Whether a cell holds an integer that is a string because JavaScript would round it. */
  #isRounded(index: number, value: unknown, json: string): boolean {
    if (typeof value !== 'bigint' || !json.startsWith('"') || json.includes('.')) return false
    return !this.#plan.columns.has(this.#columns[index]?.name ?? '')
  }

  #refused(index: number, line: number, cause: unknown): RefusedError {
    const name = this.#columns[index]?.name ?? ''
    return badInput(`${this.#path}, row ${line}, column ${index + 1} (${name}): ${reasonOf(cause)}`, cause)
  }
}

function utf8Json(bytes: Uint8Array): string {
  try {
    return JSON.stringify(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch (cause) {
    throw badInput('the bytes are not UTF-8. To get them as base64, leave the column out of --columns', cause)
  }
}

/** The key of a value: bytes stay as they are, text is its characters, anything else is its JSON. */
function keyOf(cell: unknown, column: ParquetColumn | undefined, json: string): string | Uint8Array | undefined {
  if (json === 'null') return undefined
  if (column?.value?.kind === 'text' && typeof cell === 'string' && json.startsWith('"')) return cell
  if (column?.value?.kind === 'bytes' && cell instanceof Uint8Array) return cell
  return json.startsWith('"') ? JSON.parse(json) : json
}

/** The columns of a row group, value by value. Throws `BAD_INPUT` if they do not hold what the file states. */
async function readGroup(
  { path, buffer, metadata, columns }: ParquetFile,
  group: RowGroup,
  index: number,
  rowStart: number,
): Promise<readonly (readonly unknown[])[]> {
  const rows = Number(group.num_rows)
  const values = new Map<string, unknown[]>(columns.map(({ name }) => [name, []]))
  try {
    await checkPages(buffer, group)
    await parquetRead({
      file: buffer,
      metadata: physicalMetadata(metadata),
      compressors: checkedCompressors,
      utf8: false,
      geoparquet: false,
      parsers: { timestampFromNanoseconds: (nanoseconds) => nanoseconds, stringFromBytes: textOrBytes },
      rowStart,
      rowEnd: rowStart + rows,
      onChunk: ({ columnName, columnData }) => {
        const column = values.get(columnName)
        if (column === undefined) return
        for (const value of columnData) column.push(value)
      },
    })
  } catch (cause) {
    if (cause instanceof Error && 'syscall' in cause) throw unreadableFile(path, cause)
    throw damaged(path, `row group ${index} cannot be read (${reasonOf(cause)})`, cause)
  }
  return columns.map(({ name, required, value }) => {
    const column = values.get(name) ?? []
    const gap = value !== undefined && column.some((each) => each === undefined || (required && each === null))
    if (column.length !== rows || gap) {
      throw damaged(path, `column ${name} does not hold a value for each of the ${rows} rows of row group ${index}`)
    }
    return column
  })
}

async function openParquet(path: string): Promise<ParquetFile> {
  try {
    await access(path)
    const buffer = await asyncBufferFromFile(path)
    const metadata = await parquetMetadataAsync(buffer, { geoparquet: false })
    const schema = parquetSchema(metadata)
    checkGroups(path, buffer, metadata, leavesOf(schema))
    const columns = parquetColumns(schema, path)
    const twice = columns.find(({ name }, index) => columns.findIndex((other) => other.name === name) !== index)
    if (twice !== undefined) throw badInput(`${path}: two columns are named ${JSON.stringify(twice.name)}`)
    return { path, buffer, metadata, schema, columns }
  } catch (cause) {
    if (cause instanceof RefusedError) throw cause
    if (cause instanceof Error && 'syscall' in cause) throw unreadableFile(path, cause)
    throw badInput(`File ${path} is not a parquet file, or its footer is damaged: ${reasonOf(cause)}`, cause)
  }
}

function leavesOf(tree: SchemaTree): SchemaTree[] {
  return tree.children.length === 0 ? [tree] : tree.children.flatMap(leavesOf)
}

/** Throws `BAD_INPUT` if a row group does not have the columns of the schema, inside the file. */
function checkGroups(
  path: string,
  { byteLength }: AsyncBuffer,
  metadata: FileMetaData,
  leaves: readonly SchemaTree[],
): void {
  for (const [index, { columns, num_rows }] of metadata.row_groups.entries()) {
    const rows = Number(num_rows)
    if (!Number.isSafeInteger(rows) || rows < 0)
      throw damaged(path, `row group ${index} has ${num_rows ?? 'no number of'} rows`)
    if (columns.length !== leaves.length)
      throw damaged(path, `row group ${index} has ${columns.length} of ${leaves.length} columns`)
    for (const [position, { meta_data: meta, file_path, crypto_metadata }] of columns.entries()) {
      const leaf = leaves[position]
      const name = leaf?.path.join('.') ?? ''
      if (crypto_metadata !== undefined || meta === undefined)
        throw badInput(`${path}: column ${name} is encrypted, which cannot be imported`)
      if (file_path !== undefined)
        throw badInput(`${path}: column ${name} is in another file (${file_path}), which cannot be imported`)
      const start = Number(meta.dictionary_page_offset ?? meta.data_page_offset)
      const inside = start >= 0 && start + Number(meta.total_compressed_size) <= byteLength
      if (meta.path_in_schema.join('.') !== name || !inside || meta.type !== leaf?.element.type) {
        throw damaged(path, `column ${name} of row group ${index} is not where the file's metadata states`)
      }
      const isFlat = leaf.path.length === 1 && leaf.element.repetition_type !== 'REPEATED'
      if (isFlat && Number(meta.num_values) !== rows) {
        throw damaged(
          path,
          `column ${name} of row group ${index} has ${meta.num_values ?? 'no number of'} values for ${rows} rows`,
        )
      }
    }
  }
}

function columnIndex({ path, columns }: ParquetFile, name: string, purpose: string): number {
  const index = columns.findIndex((column) => column.name === name)
  if (index >= 0) return index
  const listed = columns.map((column) => JSON.stringify(column.name)).join(', ')
  throw badInput(`File ${path} has no column ${JSON.stringify(name)} for ${purpose}. Its columns: ${listed}`)
}

function damaged(path: string, what: string, cause?: unknown): RefusedError {
  return badInput(`File ${path} is damaged: ${what}. Write it again, or use another copy`, cause)
}
