import type { StandardSchemaV1 } from '@standard-schema/spec'
import { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'
import { PlainData } from './plain-data.ts'
import { sameData } from './same-data.ts'
import { strictUtf8 } from './utf8.ts'

const NAME = 'json'

const PLAIN_DATA = new PlainData({ format: 'JSON' })
/** With a schema, what has a `toJSON` (a date) may be read back as what it is. */
const SCHEMA_DATA = new PlainData({ format: 'JSON', toJson: true })

const PLAIN: Serde<unknown> = {
  ...jsonSerde(PLAIN_DATA, (value) => value),
  normalize: (value) => PLAIN_DATA.normalize(present(value)),
}

/**
 * Values as JSON text. Without a schema you declare the type, and nothing is checked. With a schema (zod, valibot, arktype:
 * any library that supports Standard Schema) every decoded value is validated, and the schema's output is the value. This
 * output must in turn be JSON that the schema accepts, and must then read as the same value; this is checked for what enters
 * a store. A schema must be synchronous.
 *
 * It rejects what JSON cannot carry whole, wherever in the value it is (`NaN`, infinite numbers, `undefined` in an array,
 * BigInts, functions, symbols, promises, dates, maps and other objects of classes, what contains itself), JSON `null` as the
 * value itself (a deletion is a record without a value) and bytes that are not UTF-8. A field that is `undefined` counts as
 * absent, and -0 is 0. As a key: keys are equal when their JSON text is.
 *
 * A bare `json()` fits wherever the type is known from another place, as with a total.
 *
 * ```ts
 * const flights = topic('flights', { key: string(), value: json<Flight>() })
 * const checked = topic('checked', { key: string(), value: json(z.object({ origin: z.string() })) })
 * ```
 */
export function json<T = never>(schema?: StandardSchemaV1<unknown, T>): Serde<T>
export function json(schema?: StandardSchemaV1): Serde<unknown> {
  return schema === undefined ? PLAIN : schemaSerde(schema)
}

function jsonSerde<T>(data: PlainData, check: (value: unknown) => T): Serde<T> {
  const accept = (value: unknown): T => {
    const checked = check(value)
    if (checked === null) throw new Error('JSON null is not a value: a deletion is a record without a value')
    return checked
  }
  return {
    name: NAME,
    order: 'none',
    primitive: false,
    encode(value: T, out: ByteWriter): void {
      data.normalize(present(value))
      out.utf8(JSON.stringify(value))
    },
    decode: (bytes: Buffer, start: number, end: number): T => accept(JSON.parse(strictUtf8(bytes, start, end))),
    // Parsing copies all strings.
    decodeText: (text: string): T => accept(JSON.parse(text)),
    toJson: (value) => value,
    fromJson: accept,
  }
}

/** A serde whose values the schema makes: only reading a value back shows whether it stays what it is. */
function schemaSerde(schema: StandardSchemaV1): Serde<unknown> {
  const serde = jsonSerde(SCHEMA_DATA, (value) => validated(schema, value))
  const bytes = new ByteWriter(256)
  return {
    ...serde,
    normalize(value) {
      bytes.clear()
      serde.encode(value, bytes)
      const read = serde.decode(bytes.buffer, 0, bytes.position)
      if (sameData(value, read)) return read
      throw new Error('the schema reads the written value as another value')
    },
  }
}

function present<T>(value: T): T {
  if (value === undefined || value === null) throw new Error(`JSON cannot carry ${describeValue(value)} as a value`)
  return value
}

function validated(schema: StandardSchemaV1, value: unknown): unknown {
  const result = schema['~standard'].validate(value)
  if (result instanceof Promise) {
    throw new Error(`the schema (${schema['~standard'].vendor}) validates asynchronously: a serde must be synchronous`)
  }
  if (result.issues === undefined) return result.value
  throw new Error(result.issues.map(issueText).join('; '))
}

function issueText({ message, path = [] }: StandardSchemaV1.Issue): string {
  const place = path.map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return place === '' ? message : `${place}: ${message}`
}
