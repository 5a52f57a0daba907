import { Packr } from 'msgpackr'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'
import { PlainData } from './plain-data.ts'

// Record structures would have to be stored beside the data; plain MessagePack is read by every other language.
const PACKR = new Packr({ useRecords: false, copyBuffers: true })

const DATA = new PlainData({ format: 'MessagePack', binary: true })

const MSGPACK: Serde<unknown> = {
  name: 'msgpack',
  order: 'none',
  primitive: false,
  encode(value: unknown, out: ByteWriter): void {
    out.bytes(PACKR.pack(DATA.normalize(present(value))))
  },
  normalize: (value) => DATA.normalize(present(value)),
  decode(buffer: Buffer, start: number, end: number): unknown {
    // With a Buffer, the decoder would make the bytes inside a value Buffers too.
    const bytes = new Uint8Array(buffer.buffer, buffer.byteOffset + start, end - start)
    const value: unknown = PACKR.unpack(bytes)
    if (value === null) throw new Error('MessagePack nil is not a value: a deletion is a record without a value')
    return value
  },
  toJson: (value) => value,
  fromJson(json) {
    if (json === null || json === undefined) throw new Error(`a value is needed, not ${describeValue(json)}`)
    return json
  },
}

function present(value: unknown): unknown {
  if (value !== undefined && value !== null) return value
  throw new Error(`MessagePack cannot carry ${describeValue(value)} as a value`)
}

/**
 * Values as MessagePack: what JSON can carry, and also all numbers, dates and bytes. It is smaller and faster to write than
 * JSON. You declare the type, and a bare `msgpack()` fits wherever the type is known from another place. It rejects what
 * would not be read back as it is (maps, objects of classes, BigInts, half surrogate pairs). A field that is `undefined`
 * counts as absent, and -0 is 0. As a key: keys are equal when their properties are in the same order.
 *
 * ```ts
 * const positions = topic('positions', { key: string(), value: msgpack<Position>() })
 * ```
 */
export function msgpack<T = never>(): Serde<T>
export function msgpack(): Serde<unknown> {
  return MSGPACK
}
