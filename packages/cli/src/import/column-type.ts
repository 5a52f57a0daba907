import { InvalidArgumentError } from 'commander'
import { badInput } from '../input-error.ts'
import { isExactNumber, isJsonNumber } from '../json-text/exact-number.ts'
import type { ColumnType } from './row-source.ts'

const TYPES: readonly ColumnType[] = ['string', 'number', 'decimal', 'boolean']

/** A cell counts as a number without a stated type only if it has digits as a person writes them: no `007`, no `1e5`. */
const PLAIN_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?$/
const DECIMAL = /^[+-]?\d+(\.\d+)?$/

/** Reads `amount:decimal,id:string`. */
export function parseColumns(text: string): ReadonlyMap<string, ColumnType> {
  const columns = new Map<string, ColumnType>()
  for (const each of text.split(',')) {
    const colon = each.lastIndexOf(':')
    const type = TYPES.find((known) => known === each.slice(colon + 1).trim())
    const name = each.slice(0, Math.max(0, colon)).trim()
    if (type === undefined || name === '') {
      throw new InvalidArgumentError(
        `Give columns and their types, such as amount:decimal,id:string. Types: ${TYPES.join(', ')}.`,
      )
    }
    if (columns.has(name)) throw new InvalidArgumentError(`It has the column ${JSON.stringify(name)} twice.`)
    columns.set(name, type)
  }
  return columns
}

/**
 * The type of a column, by the cells of a sample. It is `number` if every cell is a plain number that JavaScript holds
 * exactly. It is `decimal` if the cells are plain numbers with fractions, and some have too many digits for that. Otherwise
 * it is `string`. Empty cells do not count.
 */
export function typeOfCells(cells: Iterable<string>): ColumnType {
  let [some, fractions, exact] = [false, false, true]
  for (const cell of cells) {
    if (cell === '') continue
    if (!PLAIN_NUMBER.test(cell)) return 'string'
    some = true
    if (cell.includes('.')) fractions = true
    if (cell.length > 15 && !isExactNumber(cell)) exact = false
  }
  if (!some) return 'string'
  if (exact) return 'number'
  return fractions ? 'decimal' : 'string'
}

/**
 * The JSON of a CSV cell; undefined if the cell is not of the type. An empty cell is `""` as a string, and `null` as any
 * other type.
 */
export function cellJson(cell: string, type: ColumnType): string | undefined {
  if (type === 'string') return JSON.stringify(cell)
  if (cell === '') return 'null'
  if (type === 'number') return isJsonNumber(cell) && (cell.length <= 15 || isExactNumber(cell)) ? cell : undefined
  if (type === 'decimal') return DECIMAL.test(cell) ? `"${cell}"` : undefined
  const lower = cell.toLowerCase()
  return lower === 'true' || lower === 'false' ? lower : undefined
}

/** Converts the JSON of a value that already has a type to another type; undefined if that is impossible. `null` stays. */
export function retypedJson(json: string, type: ColumnType): string | undefined {
  if (json === 'null') return json
  const isString = json.startsWith('"')
  if (type === 'string') return isString ? json : JSON.stringify(json)
  const text: string = isString ? JSON.parse(json) : json
  return text === '' ? undefined : cellJson(text, type)
}

/** Throws `BAD_INPUT` for a column with a stated type that a file does not have. */
export function checkStated(stated: ReadonlyMap<string, ColumnType>, names: readonly string[], file: string): void {
  const missing = [...stated.keys()].find((name) => !names.includes(name))
  if (missing === undefined) return
  const listed = names.map((name) => JSON.stringify(name)).join(', ')
  throw badInput(`File ${file} has no column ${JSON.stringify(missing)}, which --columns names. Its columns: ${listed}`)
}

/** How to fix a value that is not of its column's type. */
export function typeRemedy(column: string, type: ColumnType): string {
  const what = type === 'number' ? 'not a number that JavaScript holds exactly' : `not a ${type}`
  const remedy =
    type === 'number'
      ? `${column}:decimal keeps all digits, ${column}:string accepts anything`
      : `${column}:string accepts anything`
  return `${what}. State another type for the column with --columns (${remedy})`
}
