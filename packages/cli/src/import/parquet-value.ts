import { isUtf8 } from 'node:buffer'
import type { SchemaElement } from 'hyparquet'
import { badInput } from '../input-error.ts'
import { exactNumberJson } from '../json-text/exact-number.ts'

/**
 * Reads the plain values of a column. The column's type alone decides what they become, so that equal values are equal JSON
 * in every place:
 *
 * - integers and times are numbers, or strings of their digits if JavaScript would round them; times are ms since 1970, and
 *   parts of a ms are a fraction;
 * - decimals are strings with all digits of their scale; NaN and the infinities are strings;
 * - text is a string, bytes are base64, UUIDs are text, the JSON type is its JSON.
 */
export interface ValueReader {
  /** The value as JSON; throws `BAD_INPUT` if the value is not of its type. */
  readonly json: (value: unknown) => string
  /** The kind of key that the value becomes: its text, its bytes, or its JSON. */
  readonly kind: 'text' | 'bytes' | 'other'
  /** For times: ms since 1970, rounded down. */
  readonly timeMs: ((value: unknown) => number) | undefined
}

const MS_PER_DAY = 86_400_000

/** The number of decimal places of a time's unit after the millisecond. */
const FRACTION_DIGITS = { MILLIS: 0, MICROS: 3, NANOS: 6 } as const

export function valueReader(element: SchemaElement): ValueReader {
  const { type, converted_type: converted, logical_type: logical, scale = 0, name } = element
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    const places = logical?.type === 'DECIMAL' ? logical.scale : scale
    return plain((value) => `"${decimalText(integerOf(value), places)}"`)
  }
  switch (type) {
    case 'BOOLEAN':
      return plain(String)
    case 'INT32':
      return int32Reader(element)
    case 'INT64':
      return int64Reader(element)
    case 'INT96':
      return timeReader(FRACTION_DIGITS.NANOS, true)
    case 'FLOAT':
    case 'DOUBLE':
      return plain((value) => floatJson(Number(value)))
    case 'BYTE_ARRAY':
    case 'FIXED_LEN_BYTE_ARRAY':
      return bytesReader(element)
    default:
      throw badInput(`Column ${name} has an unknown type: ${type}`)
  }
}

function plain(json: (value: unknown) => string): ValueReader {
  return { json, kind: 'other', timeMs: undefined }
}

function int32Reader({ converted_type: converted, logical_type: logical }: SchemaElement): ValueReader {
  if (converted === 'DATE' || logical?.type === 'DATE') {
    const timeMs = (value: unknown) => Number(value) * MS_PER_DAY
    return { json: (value) => String(timeMs(value)), kind: 'other', timeMs }
  }
  const unsigned =
    converted === 'UINT_32' || (logical?.type === 'INTEGER' && !logical.isSigned && logical.bitWidth === 32)
  return plain((value) => String(unsigned ? Number(value) >>> 0 : value))
}

function int64Reader({ converted_type: converted, logical_type: logical }: SchemaElement): ValueReader {
  if (logical?.type === 'TIMESTAMP') return timeReader(FRACTION_DIGITS[logical.unit], true)
  if (logical?.type === 'TIME') return timeReader(FRACTION_DIGITS[logical.unit], false)
  if (converted === 'TIMESTAMP_MILLIS') return timeReader(FRACTION_DIGITS.MILLIS, true)
  if (converted === 'TIMESTAMP_MICROS') return timeReader(FRACTION_DIGITS.MICROS, true)
  if (converted === 'TIME_MICROS') return timeReader(FRACTION_DIGITS.MICROS, false)
  const unsigned = converted === 'UINT_64' || (logical?.type === 'INTEGER' && !logical.isSigned)
  if (unsigned) return plain((value) => integerJson(BigInt.asUintN(64, value as bigint)))
  return plain((value) => integerJson(value as bigint))
}

function integerJson(value: bigint): string {
  return Number.isSafeInteger(Number(value)) ? String(value) : `"${value}"`
}

/** Reads a count of parts of a millisecond as ms. */
function timeReader(digits: number, isDate: boolean): ValueReader {
  if (digits === 0) {
    return { json: (value) => integerJson(value as bigint), kind: 'other', timeMs: isDate ? Number : undefined }
  }
  const perMs = 10 ** digits
  const timeMs = (value: unknown) => {
    const count = Number(value)
    if (Number.isSafeInteger(count)) return (count - (((count % perMs) + perMs) % perMs)) / perMs
    const exact = BigInt(value as bigint)
    const per = BigInt(perMs)
    return Number((exact - (((exact % per) + per) % per)) / per)
  }
  const json = (value: unknown) => {
    const count = Number(value)
    if (Number.isSafeInteger(count) && count % perMs === 0) return String(count / perMs)
    return exactNumberJson(decimalText(BigInt(value as bigint), digits).replace(/\.?0+$/, ''))
  }
  return { json, kind: 'other', timeMs: isDate ? timeMs : undefined }
}

function bytesReader(element: SchemaElement): ValueReader {
  const { converted_type: converted, logical_type: logical, type } = element
  if (isText(element)) return { json: (value) => JSON.stringify(textOf(value)), kind: 'text', timeMs: undefined }
  if (converted === 'JSON' || logical?.type === 'JSON') return plain((value) => checkedJson(textOf(value)))
  if (type === 'FIXED_LEN_BYTE_ARRAY') {
    if (logical?.type === 'UUID') return plain((value) => JSON.stringify(uuidText(value as Uint8Array)))
    if (logical?.type === 'FLOAT16') return plain((value) => floatJson(float16(value as Uint8Array)))
    if (converted === 'INTERVAL') return plain((value) => JSON.stringify(intervalText(value as Uint8Array)))
  }
  return { json: (value) => JSON.stringify(base64Of(value)), kind: 'bytes', timeMs: undefined }
}

/** Whether a column's bytes are text by its type. */
export function isText({ converted_type: converted, logical_type: logical }: SchemaElement): boolean {
  return ['UTF8', 'ENUM'].includes(converted ?? '') || ['STRING', 'ENUM'].includes(logical?.type ?? '')
}

/** The text of bytes. Bytes that are not UTF-8 stay bytes, so that the row that has them is refused. */
export function textOrBytes(bytes: Uint8Array): string | Uint8Array {
  return isUtf8(bytes) ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString() : bytes
}

function textOf(value: unknown): string {
  const text = value instanceof Uint8Array ? textOrBytes(value) : value
  if (typeof text === 'string') return text
  throw badInput(`text that is not UTF-8 (${base64Of(value)} in base64)`)
}

/** The JSON text of a JSON column, unchanged except for the space around it. */
function checkedJson(text: string): string {
  try {
    JSON.parse(text)
    return text.trim()
  } catch (cause) {
    throw badInput(
      `the column has the type JSON, and this value is not JSON: ${text.length > 60 ? `${text.slice(0, 60)}…` : text}`,
      cause,
    )
  }
}

function floatJson(value: number): string {
  if (!Number.isFinite(value)) return `"${value}"`
  return Object.is(value, -0) ? '-0' : String(value)
}

/** An integer from two's complement, most significant byte first, or from a number as it is. */
function integerOf(value: unknown): bigint {
  if (!(value instanceof Uint8Array)) return BigInt(value as number | bigint)
  if (value.length === 0) return 0n
  return BigInt.asIntN(value.length * 8, BigInt(`0x${Buffer.from(value).toString('hex')}`))
}

function decimalText(integer: bigint, places: number): string {
  if (places <= 0) return String(integer * 10n ** BigInt(-places))
  const digits = String(integer < 0n ? -integer : integer).padStart(places + 1, '0')
  return `${integer < 0n ? '-' : ''}${digits.slice(0, -places)}.${digits.slice(-places)}`
}

function base64Of(value: unknown): string {
  return Buffer.from(value as Uint8Array).toString('base64')
}

function uuidText(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
}

/** An ISO 8601 duration of the months, days and milliseconds that the type holds. */
function intervalText(bytes: Uint8Array): string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [months, days, ms] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)]
  return `P${months}M${days}DT${decimalText(BigInt(ms), 3)}S`
}

function float16(bytes: Uint8Array): number {
  const bits = ((bytes[1] ?? 0) << 8) | (bytes[0] ?? 0)
  const sign = bits >> 15 === 0 ? 1 : -1
  const exponent = (bits >> 10) & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * 2 ** -14 * (fraction / 1024)
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN
  return sign * 2 ** (exponent - 15) * (1 + fraction / 1024)
}
