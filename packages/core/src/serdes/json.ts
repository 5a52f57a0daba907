import type { StandardSchemaV1 } from '@standard-schema/spec'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'
import { strictUtf8 } from './utf8.ts'

const NAME = 'json'

const PLAIN = jsonSerde<unknown>((value) => value)

/**
 * Values as JSON text. Without a schema the type is your word, and nothing is checked. With one (zod, valibot, arktype:
 * anything that speaks Standard Schema) every decoded value is validated, and the schema's output is the value; its
 * output must in turn be JSON that the schema accepts. A schema must be synchronous.
 *
 * Refused: what JSON cannot say as a whole (`undefined`, functions, `NaN`, promises), JSON `null` (a deletion is a
 * record without a value) and text that is no UTF-8. As a key: keys are equal when their JSON text is.
 *
 * A bare `json()` fits wherever the type is known from elsewhere, as that of a total is.
 *
 * ```ts
 * const flights = topic('flights', { key: string(), value: json<Flight>() })
 * const checked = topic('checked', { key: string(), value: json(z.object({ origin: z.string() })) })
 * ```
 */
export function json<T = never>(schema?: StandardSchemaV1<unknown, T>): Serde<T>
export function json(schema?: StandardSchemaV1): Serde<unknown> {
  return schema === undefined ? PLAIN : jsonSerde((value) => validated(schema, value))
}

function jsonSerde<T>(check: (value: unknown) => T): Serde<T> {
  const accept = (value: unknown): T => {
    const checked = check(value)
    if (checked === null) throw new Error('JSON null is no value: a deletion is a record without a value')
    return checked
  }
  return {
    name: NAME,
    order: 'none',
    primitive: false,
    encode(value: T, out: ByteWriter): void {
      const text = JSON.stringify(value)
      // A value that JSON leaves out gives undefined, NaN gives null, and a forgotten `await` gives an empty object.
      if (text === undefined || text === 'null' || (text === '{}' && value instanceof Promise)) {
        throw new Error(`JSON cannot carry ${value instanceof Promise ? 'a promise' : describeValue(value)}`)
      }
      out.utf8(text)
    },
    decode: (bytes: Buffer, start: number, end: number): T => accept(JSON.parse(strictUtf8(bytes, start, end))),
    toJson: (value) => value,
    fromJson: accept,
  }
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
