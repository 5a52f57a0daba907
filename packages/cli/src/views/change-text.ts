import type { ViewDescription } from '@millrace/client'
import type { Io } from '../terminal/io.ts'
import { jsonLine, printable } from '../terminal/printable.ts'
import { cell } from '../terminal/table.ts'
import type { FoundEntry } from './found-entry.ts'
import { rankedRows } from './ranked-rows.ts'
import { windowText } from './window-text.ts'

/** A changed entry of a view as a line, without its end. An entry of a top N has more lines: one for each rank. */
export function changeText(io: Io, view: ViewDescription, entry: FoundEntry, json: boolean): string {
  if (json) return jsonLine(io, entry)
  const { cyan, dim } = io.colors
  const window = entry.window === undefined ? '' : ` ${dim(windowText(entry.window, view))}`
  const place = `${cyan(cell(entry.key))}${window}`
  if (entry.value === null) return `${place} ${dim('(deleted)')}`
  const ranked = rankedRows(entry.value, view)
  if (ranked === undefined) return `${place} ${printable(JSON.stringify(entry.value))}`
  const rows = ranked.map(
    ({ rank, key, value }) => `  ${dim(`${rank}.`)} ${cyan(cell(key))} ${printable(JSON.stringify(value))}`,
  )
  return [place, ...rows].join('\n')
}
