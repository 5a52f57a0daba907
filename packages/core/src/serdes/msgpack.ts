import { Packr } from 'msgpackr'
import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

// Record structures would have to be stored beside the data; plain MessagePack is read by every other language.
const PACKR = new Packr({ useRecords: false, copyBuffers: true })

const MSGPACK: Serde<unknown> = {
  name: 'msgpack',
  order: 'none',
  primitive: false,
  encode(value: unknown, out: ByteWriter): void {
    if (value === undefined || value === null || typeof value === 'function' || value instanceof Promise) {
      const what = value instanceof Promise ? 'a promise' : describeValue(value)
      throw new Error(`MessagePack cannot carry ${what}`)
    }
    out.bytes(PACKR.pack(value))
  },
  decode(buffer: Buffer, start: number, end: number): unknown {
    const value: unknown = PACKR.unpack(buffer.subarray(start, end))
    if (value === null) throw new Error('MessagePack nil is no value: a deletion is a record without a value')
    return value
  },
  toJson: (value) => value,
  fromJson(json) {
    if (json === null || json === undefined) throw new Error(`a value is needed, not ${describeValue(json)}`)
    return json
  },
}

/**
 * Values as MessagePack: what JSON can say, and dates and bytes inside of it; smaller and faster to write than JSON.
 * The type is your word; nothing is checked, and a bare `msgpack()` fits wherever the type is known from elsewhere. As a key: keys are equal when their properties stand in the same order.
 *
 * ```ts
 * const positions = topic('positions', { key: string(), value: msgpack<Position>() })
 * ```
 */
export function msgpack<T = never>(): Serde<T>
export function msgpack(): Serde<unknown> {
  return MSGPACK
}
