import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'

/** Values of another serde, or null: for a step that stores what a row was, which may be nothing. Null is written as no bytes. */
export function nullable<T>(value: Serde<T>): Serde<T | null> {
  const { normalize } = value
  return {
    name: `nullable(${value.name})`,
    order: 'none',
    primitive: value.primitive,
    encode(each: T | null, out: ByteWriter): void {
      if (each === null) return
      out.reserve(1)
      out.buffer[out.position++] = 1
      value.encode(each, out)
    },
    ...(normalize !== undefined && {
      normalize: (each: T | null) => (each === null ? null : normalize.call(value, each)),
    }),
    decode: (bytes, start, end) => (start === end ? null : value.decode(bytes, start + 1, end)),
    toJson: (each) => (each === null ? null : value.toJson(each)),
    fromJson: (json) => (json === null ? null : value.fromJson(json)),
  }
}
