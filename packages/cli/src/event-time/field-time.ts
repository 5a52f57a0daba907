import { fieldText } from '../json-text/json-fields.ts'

/** A number of JSON with all its digits. A double loses some of them. */
export class NumberText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The event time that a field of a JSON object holds, with every digit. `text` is the object that `fields` was parsed from. */
export function fieldTime(fields: Readonly<Record<string, unknown>>, text: string, field: string): unknown {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined
  return typeof value === 'number' && mayBeRounded(value, text) ? new NumberText(fieldText(text, field) ?? '') : value
}

/** The event time that a JSON text holds, with every digit. */
export function jsonTime(json: string): unknown {
  const value: unknown = JSON.parse(json)
  return typeof value === 'number' && mayBeRounded(value, json) ? new NumberText(json.trim()) : value
}

/** A fraction that rounds to a whole number has at least this many digits, because a double keeps fifteen. */
const MANY_DIGITS = /[\d.]{16}/

/** Most times are whole numbers of few digits, and need no second check. */
function mayBeRounded(value: number, text: string): boolean {
  return !Number.isSafeInteger(value) || MANY_DIGITS.test(text)
}
