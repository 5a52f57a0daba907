import type { Header, Headers } from '@millrace/core'
import type { EventTimeField } from '../event-time/event-time-field.ts'
import { fieldTime } from '../event-time/field-time.ts'
import { badInput } from '../input-error.ts'
import { fieldSpans } from '../json-text/json-fields.ts'
import { textOf } from '../lines.ts'
import { checkedText, keyOfField, timestampOf } from '../record-fields.ts'

/** A record as a line of input states it. */
export interface LineRecord {
  readonly key: string | Uint8Array | null
  readonly value: string | Uint8Array | null
  readonly timestamp: number | undefined
  readonly headers: Headers | undefined
}

export interface LineOptions {
  readonly key?: string
  readonly keyField?: string
  readonly timestamp?: number
  /** Reads the field that is the event time; lines must be JSON then. */
  readonly time: EventTimeField | undefined
  readonly records?: boolean
}

/** The name of a line in messages. */
export function lineName(line: number): string {
  return `Line ${line} of stdin`
}

/** Whether lines are read as JSON objects. Otherwise each line is a value as it is, whatever its bytes are. */
export function readsJson({ records, keyField, time }: LineOptions): boolean {
  return records === true || keyField !== undefined || time !== undefined
}

/** Reads a line as the options state; throws `BAD_INPUT` with the number of the line. */
export function recordOfLine(given: string | Buffer, line: number, options: LineOptions): LineRecord {
  const { keyField, time } = options
  if (!readsJson(options)) {
    return { key: options.key ?? null, value: given, timestamp: options.timestamp, headers: undefined }
  }
  const where = lineName(line)
  const text = textOf(given, line === 1, where)
  const fields = objectOf(text, where)
  if (options.records === true) return recordOfObject(fields, text, where)
  const timestamp = time === undefined ? options.timestamp : time.read(fieldTime(fields, text, time.name), where)
  const key = keyField === undefined ? (options.key ?? null) : keyOfField(fields, text, keyField, where)
  return { key, value: text, timestamp, headers: undefined }
}

function recordOfObject(fields: Readonly<Record<string, unknown>>, text: string, where: string): LineRecord {
  const { key, keyBase64, timestamp, headers } = fields
  if (key !== undefined && keyBase64 !== undefined) {
    throw badInput(`${where}: a record has "key" and "keyBase64". Give one of them`)
  }
  return {
    key:
      keyBase64 !== undefined
        ? bytesOf64(keyBase64, `${where}: keyBase64`)
        : key === undefined || key === null
          ? null
          : keyOfField(fields, text, 'key', where),
    value: statedValue(fields, text, where),
    timestamp: timestamp === undefined ? undefined : timestampOf(timestamp, where),
    headers: headers === undefined ? undefined : headersOf(headers, where),
  }
}

/** The value that an object states in one of three ways. `value` is JSON, and is used as it stands. */
function statedValue(
  fields: Readonly<Record<string, unknown>>,
  text: string,
  where: string,
): string | Uint8Array | null {
  const stated = ['value', 'valueText', 'valueBase64'].filter((name) => fields[name] !== undefined)
  if (stated.length !== 1) {
    throw badInput(
      `${where}: a record needs exactly one of "value" (JSON; null deletes), "valueText" and "valueBase64"`,
    )
  }
  const { value, valueText, valueBase64 } = fields
  if (valueBase64 !== undefined) return bytesOf64(valueBase64, `${where}: valueBase64`)
  if (valueText !== undefined) {
    if (typeof valueText === 'string') return checkedText(valueText, `${where}: valueText`)
    throw badInput(`${where}: valueText is not a string`)
  }
  if (value === null) return null
  const span = fieldSpans(text).get('value')
  return span === undefined ? null : text.slice(span.start, span.end)
}

function bytesOf64(value: unknown, what: string): Buffer {
  const bytes = Buffer.from(typeof value === 'string' ? value : '', 'base64')
  // Buffer.from ignores characters that are not base64.
  if (typeof value === 'string' && bytes.toString('base64').replace(/=+$/, '') === value.replace(/=+$/, ''))
    return bytes
  throw badInput(`${what} is not base64: ${shown(JSON.stringify(value))}`)
}

/** Headers, with their order and repeated names, as `tail --json` prints them; or an object of texts. */
function headersOf(json: unknown, where: string): Headers {
  if (Array.isArray(json)) return json.map((header) => headerOf(header, where))
  if (typeof json !== 'object' || json === null) throw badHeaders(where)
  return Object.entries(json).map(([name, value]) => headerOf({ name, value }, where))
}

function headerOf(json: unknown, where: string): Header {
  if (typeof json !== 'object' || json === null || !('name' in json) || typeof json.name !== 'string')
    throw badHeaders(where)
  const name = checkedText(json.name, `${where}: the name of a header`)
  if ('valueBase64' in json) return [name, bytesOf64(json.valueBase64, `${where}: header ${name}`)]
  const value = 'value' in json ? json.value : undefined
  if (value === null) return [name, null]
  if (typeof value !== 'string') throw badHeaders(where)
  return [name, Buffer.from(checkedText(value, `${where}: header ${name}`))]
}

function badHeaders(where: string): Error {
  return badInput(
    `${where}: "headers" must be an array of {"name":…,"value":…} (text or null; "valueBase64" for bytes), or an object of texts`,
  )
}

function objectOf(text: string, where: string): Readonly<Record<string, unknown>> {
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { ...json }
  } catch (cause) {
    throw badInput(`${where} is not JSON: ${shown(text)}`, cause)
  }
  throw badInput(`${where} is not a JSON object: ${shown(text)}`)
}

function shown(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
