import type { ViewDescription } from '@millrace/client'
import type { Row } from '../terminal/table.ts'
import type { FoundEntry } from './found-entry.ts'
import { windowText } from './window-text.ts'

/**
 * Entries as the rows of a table. If every value is an object, each of its fields is a column. A field with the name of a
 * column of the entry is shown as, for example, `value.key`. Otherwise the values are one column.
 */
export function entryRows(entries: readonly FoundEntry[], view: Pick<ViewDescription, 'shape'>): Row[] {
  const fields = entries.map(({ value }) => fieldsOf(value))
  const whole = fields.some((each) => each === undefined)
  return entries.map(({ key, window, value }, at) => {
    const row = { key, ...(window && { window: windowText(window, view) }) }
    return whole ? { ...row, value } : { ...row, ...apart(fields[at] ?? {}, Object.keys(row)) }
  })
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
