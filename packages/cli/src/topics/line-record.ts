import type { Header, Headers } from '@millrace/core'
import type { EventTimeField } from '../event-time/event-time-field.ts'
import { badInput } from '../input-error.ts'
import { keyText, timestampOf } from '../record-fields.ts'

/** A record as a line of input says it. */
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
  /** Reads the field that is the event time; lines are JSON then. */
  readonly time: EventTimeField | undefined
  readonly records?: boolean
}

/** How messages name a line. */
export function lineName(line: number): string {
  return `line ${line} of stdin`
}

/** Reads a line as the options say; throws `BAD_INPUT` with its number. */
export function recordOfLine(text: string, line: number, options: LineOptions): LineRecord {
  const { keyField, time } = options
  const where = lineName(line)
  if (options.records === true) return recordOfObject(objectOf(text, where), where, options)
  if (keyField === undefined && time === undefined) {
    return { key: options.key ?? null, value: text, timestamp: options.timestamp, headers: undefined }
  }
  const fields = objectOf(text, where)
  const timestamp = time === undefined ? options.timestamp : time.read(fields, where)
  const key = keyField === undefined ? (options.key ?? null) : keyText(fields, keyField, where)
  return { key, value: text, timestamp, headers: undefined }
}

function recordOfObject(fields: Record<string, unknown>, where: string, options: LineOptions): LineRecord {
  const { key, value, keyBase64, valueBase64, timestamp, headers } = fields
  if (value === undefined && valueBase64 === undefined)
    throw badInput(`${where}: a record needs a "value" (null deletes)`)
  return {
    key: keyBase64 === undefined ? fieldText(key ?? options.key ?? null) : Buffer.from(String(keyBase64), 'base64'),
    value: valueBase64 === undefined ? fieldText(value) : Buffer.from(String(valueBase64), 'base64'),
    timestamp: timestamp === undefined ? options.timestamp : timestampOf(fields, 'timestamp', where),
    headers: headers === undefined ? undefined : headersOf(headers, where),
  }
}

function fieldText(value: unknown): string | null {
  if (value === null || value === undefined) return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function headersOf(json: unknown, where: string): Headers {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw badInput(`${where}: "headers" is an object of texts`)
  }
  return Object.entries(json).map(([name, value]): Header => [name, value === null ? null : Buffer.from(String(value))])
}

function objectOf(text: string, where: string): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === 'object' && json !== null && !Array.isArray(json)) return { ...json }
  } catch (cause) {
    throw badInput(`${where} is no JSON: ${shown(text)}`, cause)
  }
  throw badInput(`${where} is no JSON object: ${shown(text)}`)
}

function shown(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text
}
