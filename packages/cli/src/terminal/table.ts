import Table from 'cli-table3'
import type { Io } from './io.ts'
import { jsonLine, printable } from './printable.ts'

/** A printed row: with `--json` one object a line, otherwise the cells of a table. */
export type Row = Readonly<Record<string, unknown>>

/** Prints rows; with `json` one JSON object a line, otherwise a table without frames, with a column for each field of any row. */
export function printRows(io: Io, rows: readonly Row[], json: boolean): void {
  if (json) {
    for (const row of rows) io.stdout.write(`${jsonLine(io, row)}\n`)
    return
  }
  if (rows.length === 0) return
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
  const table = new Table({
    head: columns.map((column) => io.colors.bold(printable(column))),
    colAligns: columns.map((column) => (rows.every((row) => isNumber(row[column])) ? 'right' : 'left')),
    chars: FRAMELESS,
    style: { 'padding-left': 0, 'padding-right': 2, head: [], border: [] },
  })
  for (const row of rows) table.push(columns.map((column) => cell(row[column])))
  io.stdout.write(`${table.toString().replace(/[ ]+$/gm, '')}\n`)
}

/** A value in a form that a person can read and type in again: a number may be an id or a time. Empty if it is missing. */
export function cell(value: unknown): string {
  if (value === undefined) return ''
  return printable(typeof value === 'string' ? value : JSON.stringify(value))
}

function isNumber(value: unknown): boolean {
  return value === undefined || typeof value === 'number'
}

const FRAMELESS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '',
}
