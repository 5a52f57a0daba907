import type { ViewDescription } from '@millrace/client'
import type { Row } from '../terminal/table.ts'
import type { FoundEntry } from './found-entry.ts'
import { rankedRows } from './ranked-rows.ts'
import { windowText } from './window-text.ts'

/** What entries are shown by. */
type ShownView = Pick<ViewDescription, 'shape' | 'value'>

/**
 * Entries as the rows of a table: one for each entry, or of a top N one for each rank. If every value is an object, each of its
 * fields is a column. A field with the name of a column of the entry is shown as, for example, `value.key`. Otherwise the
 * values are one column.
 */
export function entryRows(entries: readonly FoundEntry[], view: ShownView): Row[] {
  const parts = entries.flatMap((entry) => partsOf(entry, view))
  const fields = parts.map(({ value }) => fieldsOf(value))
  const whole = fields.some((each) => each === undefined)
  return parts.map(({ place, value }, at) =>
    whole ? { ...place, value } : { ...place, ...apart(fields[at] ?? {}, Object.keys(place)) },
  )
}

/** What is shown in a row: the columns that are not of the value, and the value. */
function partsOf(
  { key, window, value }: FoundEntry,
  view: ShownView,
): { readonly place: Row; readonly value: unknown }[] {
  const place = { key, ...(window && { window: windowText(window, view) }) }
  const ranked = rankedRows(value, view)
  if (ranked === undefined) return [{ place, value }]
  return ranked.map((row) => ({ place: { ...place, rank: row.rank, row: row.key }, value: row.value }))
}

/** The fields of an object that has at least one field. */
function fieldsOf(value: unknown): Row | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
  return Object.keys(value).length === 0 ? undefined : { ...value }
}

/** The fields, renamed so that no column of the entry has their names. */
function apart(fields: Row, taken: readonly string[]): Row {
  const used = new Set([...taken, ...Object.keys(fields)])
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (!taken.includes(name)) return [name, value]
      let free = `value.${name}`
      while (used.has(free)) free = `value.${free}`
      return [free, value]
    }),
  )
}
