import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

const BYTES: Serde<Uint8Array> = {
  name: 'bytes',
  order: 'bytes',
  primitive: false,
  encode(value: Uint8Array, out: ByteWriter): void {
    out.bytes(checked(value))
  },
  // A Buffer would come back as a plain array of bytes.
  normalize: (value) =>
    Object.getPrototypeOf(checked(value)) === Uint8Array.prototype ? value : new Uint8Array(value),
  decode: (buffer: Buffer, start: number, end: number) => new Uint8Array(buffer.subarray(start, end)),
  toJson: (value) => btoa(Array.from(value, (byte) => String.fromCharCode(byte)).join('')),
  fromJson(json) {
    if (typeof json !== 'string') throw new Error(`Bytes as base64 are needed, not ${describeValue(json)}`)
    return Uint8Array.from(atob(json), (character) => character.charCodeAt(0))
  },
}

/**
 * Bytes as they are; a decoded value is a separate copy. In JSON they are base64.
 *
 * ```ts
 * const images = topic('images', { key: string(), value: bytes() })
 * ```
 */
export function bytes(): Serde<Uint8Array> {
  return BYTES
}

function checked(value: Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value
  throw new Error(`Bytes are needed, not ${describeValue(value)}`)
}
