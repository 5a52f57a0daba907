import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'
import { strictUtf8 } from './utf8.ts'

const STRING: Serde<string> = {
  name: 'string',
  order: 'bytes',
  primitive: true,
  encode(value: string, out: ByteWriter): void {
    out.utf8(unicode(value))
  },
  normalize: unicode,
  decode: strictUtf8,
  toJson: (value) => value,
  fromJson(json) {
    if (typeof json === 'string') return json
    throw new Error(`a string is needed, not ${describeValue(json)}`)
  },
}

/**
 * Strings as UTF-8; sorts by code point. Bytes that are not UTF-8, and strings with half a surrogate pair, are rejected.
 *
 * ```ts
 * const cities = topic('cities', { key: string(), value: string() })
 * ```
 */
export function string(): Serde<string> {
  return STRING
}

function unicode(value: string): string {
  if (typeof value !== 'string') throw new Error(`a string is needed, not ${describeValue(value)}`)
  // Node would write U+FFFD for half a surrogate pair: two such keys would become one.
  if (!value.isWellFormed()) throw new Error('the string has half a surrogate pair, which UTF-8 cannot carry')
  return value
}
