import type { Batch } from '@millrace/core'
import type { Io } from '../terminal/io.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A cursor's record as plain JSON. Bytes that are no UTF-8 stand as base64 under another name. */
export function printableRecord(batch: Batch): Record<string, unknown> {
  const headers = batch.headers()
  return {
    topic: batch.topic,
    partition: batch.partition,
    offset: batch.offset,
    timestamp: batch.timestamp,
    ...field('key', batch, batch.keyStart, batch.keyEnd),
    ...field('value', batch, batch.valueStart, batch.valueEnd),
    ...(headers.length > 0 && {
      headers: Object.fromEntries(headers.map(([name, value]) => [name, value === null ? null : textOr64(value)])),
    }),
  }
}

/** A cursor's record as a line that a person reads. */
export function recordLine(batch: Batch, { dim, cyan }: Io['colors']): string {
  const time = new Date(batch.timestamp).toISOString()
  const key = batch.keyStart < 0 ? '-' : textOr64(bytesOf(batch, batch.keyStart, batch.keyEnd))
  const value = batch.valueStart < 0 ? dim('(deleted)') : textOr64(bytesOf(batch, batch.valueStart, batch.valueEnd))
  return `${dim(`${batch.partition}:${batch.offset} ${time}`)} ${cyan(key)} ${value}`
}

function field(name: 'key' | 'value', batch: Batch, start: number, end: number): Record<string, unknown> {
  if (start < 0) return { [name]: null }
  const bytes = bytesOf(batch, start, end)
  const text = textOf(bytes)
  if (text === undefined) return { [`${name}Base64`]: bytes.toString('base64') }
  return { [name]: name === 'value' ? jsonOr(text) : text }
}

function bytesOf(batch: Batch, start: number, end: number): Buffer {
  return batch.bytes.subarray(start, end)
}

function textOr64(bytes: Uint8Array): string {
  return textOf(bytes) ?? Buffer.from(bytes).toString('base64')
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return UTF8.decode(bytes)
  } catch {
    return undefined
  }
}

function jsonOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
