import type { Batch, Header } from '@millrace/core'
import type { Io } from '../terminal/io.ts'
import { printable } from '../terminal/printable.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * A cursor's record as one line of JSON from which `produce --records` makes the same record again, byte by byte:
 *
 * - `value` is a value that is JSON, unchanged, with its digits and spacing; `null` is a record without a value;
 * - `valueText` is any other text: text that is not JSON, has a line break or spaces around it, or is the JSON text `null`;
 * - `valueBase64` is what is not UTF-8. Keys are `key` (text) or `keyBase64`.
 *
 * `more` are further fields, as JSON.
 */
export function recordJson(batch: Batch, more = ''): string {
  const { topic, partition, offset, timestamp } = batch
  const place = `"topic":${JSON.stringify(topic)},"partition":${partition},"offset":${offset},"timestamp":${timestamp}`
  const headers = batch.headers()
  const headersJson = headers.length === 0 ? '' : `,"headers":[${headers.map(headerJson).join(',')}]`
  return `{${place},${keyJson(batch)},${valueJson(batch)}${headersJson}${more}}`
}

/** A cursor's record as a line that a person reads. Characters that a terminal would act on are escaped. */
export function recordLine(batch: Batch, { dim, cyan }: Io['colors']): string {
  const time = new Date(batch.timestamp).toISOString()
  const key = batch.keyStart < 0 ? '-' : printable(shownBytes(bytesOf(batch, batch.keyStart, batch.keyEnd)))
  const value =
    batch.valueStart < 0 ? dim('(deleted)') : printable(shownBytes(bytesOf(batch, batch.valueStart, batch.valueEnd)))
  return `${dim(`${batch.partition}:${batch.offset} ${time}`)} ${cyan(key)} ${value}`
}

/** The headers of a cursor's record for a person; empty if there are none. */
export function headersLine(batch: Batch): string {
  return batch
    .headers()
    .map(([name, value]) => `${name}: ${value === null ? 'null' : shownBytes(value)}`)
    .join(', ')
}

function keyJson(batch: Batch): string {
  if (batch.keyStart < 0) return '"key":null'
  return textField('key', bytesOf(batch, batch.keyStart, batch.keyEnd))
}

function valueJson(batch: Batch): string {
  if (batch.valueStart < 0) return '"value":null'
  const bytes = bytesOf(batch, batch.valueStart, batch.valueEnd)
  const text = textOf(bytes)
  if (text === undefined) return textField('value', bytes)
  return isPlainJson(text) ? `"value":${text}` : `"valueText":${JSON.stringify(text)}`
}

function headerJson([name, value]: Header): string {
  const named = `{"name":${JSON.stringify(name)}`
  return value === null ? `${named},"value":null}` : `${named},${textField('value', value)}}`
}

function textField(name: string, bytes: Uint8Array): string {
  const text = textOf(bytes)
  if (text !== undefined) return `"${name}":${JSON.stringify(text)}`
  return `"${name}Base64":"${Buffer.from(bytes).toString('base64')}"`
}

/** Whether a text is JSON that can stand in the line as it is, without being read as a missing value or as spacing. */
function isPlainJson(text: string): boolean {
  if (text === 'null' || /^[ \t]|[ \t]$|[\r\n]/.test(text)) return false
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function bytesOf(batch: Batch, start: number, end: number): Buffer {
  return batch.bytes.subarray(start, end)
}

/** Bytes as text for a person, or as base64 if they are not UTF-8. */
export function shownBytes(bytes: Uint8Array): string {
  return textOf(bytes) ?? Buffer.from(bytes).toString('base64')
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}
