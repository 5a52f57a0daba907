import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'

const NULL = 0
const VALUE = 1

/**
 * The values of a serde, or null: what a store keeps that remembers deletions. A byte, 0 for null and 1 for a value, then the
 * value's bytes.
 */
export function nullable<T>(serde: Serde<T>): Serde<T | null> {
  return {
    name: `nullable(${serde.name})`,
    order: 'none',
    primitive: false,
    encode(value: T | null, out: ByteWriter): void {
      out.reserve(1)
      out.buffer[out.position++] = value === null ? NULL : VALUE
      if (value !== null) serde.encode(value, out)
    },
    normalize: (value) => (value === null || serde.normalize === undefined ? value : serde.normalize(value)),
    decode(bytes: Buffer, start: number, end: number): T | null {
      switch (bytes[start]) {
        case NULL:
          return null
        case VALUE:
          return serde.decode(bytes, start + 1, end)
        default:
          throw new Error(`a value or its absence begins with ${NULL} or ${VALUE}, not with ${bytes[start]}`)
      }
    },
    toJson: (value) => (value === null ? null : serde.toJson(value)),
    fromJson: (value) => (value === null ? null : serde.fromJson(value)),
  }
}
