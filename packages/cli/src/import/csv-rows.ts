import { jsonTime } from '../event-time/field-time.ts'
import { badInput } from '../input-error.ts'
import { cellJson, checkStated, typeOfCells, typeRemedy } from './column-type.ts'
import { csvBlocks } from './csv-blocks.ts'
import { type CsvRecord, csvRecords } from './csv-records.ts'
import type { ColumnType, ImportedRow, RowPlan, RowSource } from './row-source.ts'
import type { TextInput } from './text-input.ts'

/** Columns of a CSV file: their names in order, the types of their cells, and the places of the key and the event time. */
interface CsvColumns {
  readonly names: readonly string[]
  readonly types: readonly ColumnType[]
  /** The text before each cell in the row's JSON. */
  readonly prefixes: readonly string[]
  readonly key: number
  readonly time: number
}

/**
 * Reads a CSV file whose first row names the columns. A column has one type: the stated type, or the type of the cells in
 * its first megabyte. A row that does not fit (more or fewer cells than columns, a stray quote, a cell of another type) is a
 * bad row.
 */
export function csvRows(input: TextInput, plan: RowPlan, delimiter: string): RowSource {
  const { file } = input
  let columns: CsvColumns | undefined
  async function* pieces(): AsyncGenerator<readonly ImportedRow[], void> {
    const blocks = csvBlocks(input.chunks(), (line) => `${file}, line ${line}`)
    for (let next = await blocks.next(0); next.done !== true; ) {
      const { records, used } = csvRecords(next.value, delimiter, plan.encoding)
      let rows = records
      if (columns === undefined && records.length > 0) {
        const [header, ...others] = records
        rows = others
        columns = columnsOf(header as CsvRecord, others, file, plan, delimiter)
      }
      const found = columns
      if (found !== undefined) yield rows.map((record) => rowOf(record, found, file))
      next = await blocks.next(used)
    }
  }
  const { total, done } = input
  return { file, counts: 'line', total, unit: 'bytes', done, pieces: pieces(), notes: () => [] }
}

function columnsOf(
  header: CsvRecord,
  sample: readonly CsvRecord[],
  file: string,
  plan: RowPlan,
  delimiter: string,
): CsvColumns {
  if (header.problem !== undefined) throw badInput(`${file}, line ${header.line}${header.problem}`)
  const names = header.cells
  const listed = names.map((name) => JSON.stringify(name)).join(', ')
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) {
    throw badInput(
      `${file}, line ${header.line}: two columns are named ${JSON.stringify(twice)}. Give each column its own name`,
    )
  }
  const place = (name: string, purpose: string): number => {
    const index = names.indexOf(name)
    if (index >= 0) return index
    const hint =
      names.length === 1
        ? `. If another character than ${JSON.stringify(delimiter)} divides the columns, give --delimiter`
        : ''
    throw badInput(`File ${file} has no column ${JSON.stringify(name)} for ${purpose}. Its columns: ${listed}${hint}`)
  }
  checkStated(plan.columns, names, file)
  const fitting = sample.filter(({ cells, problem }) => problem === undefined && cells.length === names.length)
  const types = names.map(
    (name, index) => plan.columns.get(name) ?? typeOfCells(fitting.map(({ cells }) => cells[index] ?? '')),
  )
  const stated = names.filter((name) => plan.columns.has(name)).length
  const source = stated === names.length ? 'as stated' : 'from the first megabyte; --columns overrides them'
  plan.printNote(`${file}: ${names.map((name, index) => `${name} ${types[index]}`).join(', ')} (${source})`)
  return {
    names,
    types,
    prefixes: names.map((name, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`),
    key: place(plan.key, 'the key'),
    time: plan.timestamp === undefined ? -1 : place(plan.timestamp, 'the timestamp'),
  }
}

function rowOf(record: CsvRecord, columns: CsvColumns, file: string): ImportedRow {
  const { line, raw, cells, problem } = record
  const bad = (what: string): ImportedRow => ({ error: badInput(`${file}, line ${line}${what}`), line, raw })
  if (problem !== undefined) return bad(problem)
  const { names, types, prefixes, key, time } = columns
  if (cells.length !== names.length) {
    const column = Math.min(cells.length, names.length) + 1
    const counted = `${cells.length} ${cells.length === 1 ? 'cell' : 'cells'}`
    return bad(
      `, column ${column}: the row has ${counted}, and the header has ${names.length}. Quote cells that contain the delimiter`,
    )
  }
  let json = ''
  for (let index = 0; index < cells.length; index++) {
    const type = types[index] ?? 'string'
    const cell = cells[index] ?? ''
    const value = cellJson(cell, type)
    if (value === undefined) {
      const name = names[index] ?? ''
      return bad(`, column ${index + 1}: ${name} is ${JSON.stringify(cell)}, ${typeRemedy(name, type)}`)
    }
    json += (prefixes[index] ?? '') + value
  }
  const text = cells[time]
  // An empty cell has no value, like null in the other formats.
  const keyText = cells[key] === '' ? undefined : cells[key]
  const isNumber = types[time] === 'number' && text !== undefined && text !== ''
  return { line, json: `${json}}`, key: keyText, time: isNumber ? jsonTime(text) : text, isDate: false, raw }
}
