import { isoTime } from '@millrace/core/internal'
import { badInput } from './input-error.ts'
import { fieldText } from './json-text/json-fields.ts'

/**
 * The key that a field of a JSON object holds: the text of a string, or the JSON of anything else as it stands, digit by
 * digit. `text` is the object that `fields` was parsed from. Throws `BAD_INPUT` if there is none.
 */
export function keyOfField(
  fields: Readonly<Record<string, unknown>>,
  text: string,
  field: string,
  where: string,
): string {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined
  if (value === undefined || value === null)
    throw badInput(`${where} has no field ${JSON.stringify(field)} for the key`)
  return typeof value === 'string' ? checkedText(value, `${where}: ${field}`) : (fieldText(text, field) ?? '')
}

/** Throws `BAD_INPUT` for text that cannot be UTF-8: half of a surrogate pair, which only escapes of JSON can hold. */
export function checkedText(text: string, what: string): string {
  if (text.isWellFormed()) return text
  throw badInput(
    `${what} has half of a surrogate pair (${JSON.stringify(text)}), which UTF-8 cannot express. Correct it`,
  )
}

/** The event time of a record as `tail --json` prints it: ms since 1970, or an ISO date. Throws `BAD_INPUT`. */
export function timestampOf(value: unknown, where: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  if (typeof value === 'string') {
    const time = /^-?\d+$/.test(value) ? Number(value) : isoTime(value)
    if (time !== undefined && Number.isSafeInteger(time)) return time
  }
  throw badInput(`${where}: timestamp is ${JSON.stringify(value)}, not a time. Give ms since 1970 or an ISO date`)
}
