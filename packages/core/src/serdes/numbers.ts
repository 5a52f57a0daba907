import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde, SerdeOrder } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

const INT32_MIN = -(2 ** 31)
const INT32_MAX = 2 ** 31 - 1
const WORD = 2 ** 32

const INT32 = numberSerde({
  name: 'int32',
  order: 'signed',
  bytes: 4,
  needed: `a whole number from ${INT32_MIN} to ${INT32_MAX}`,
  fits: (value) => Number.isInteger(value) && value >= INT32_MIN && value <= INT32_MAX,
  write: (buffer, value, at) => buffer.writeInt32BE(value, at),
  read: (buffer, at) => buffer.readInt32BE(at),
})

const INT64 = numberSerde({
  name: 'int64',
  order: 'signed',
  bytes: 8,
  needed: 'a safe integer, from -(2^53 - 1) to 2^53 - 1',
  fits: Number.isSafeInteger,
  write(buffer, value, at) {
    const high = Math.floor(value / WORD)
    buffer.writeInt32BE(high, at)
    buffer.writeUInt32BE(value - high * WORD, at + 4)
  },
  read: (buffer, at) => buffer.readInt32BE(at) * WORD + buffer.readUInt32BE(at + 4),
})

const FLOAT64: Serde<number> = {
  ...numberSerde({
    name: 'float64',
    order: 'float',
    bytes: 8,
    needed: 'a number',
    fits: (value) => typeof value === 'number',
    // Adding zero makes -0 the 0 that it is equal to: equal keys have equal bytes.
    write: (buffer, value, at) => buffer.writeDoubleBE(value + 0, at),
    read: (buffer, at) => buffer.readDoubleBE(at) + 0,
  }),
  // JSON cannot express these three.
  toJson: (value) => (Number.isFinite(value) ? value : String(value)),
  fromJson(json) {
    if (typeof json === 'number') return json + 0
    if (json === 'NaN' || json === 'Infinity' || json === '-Infinity') return Number(json)
    throw new Error(`a number is needed, not ${describeValue(json)}`)
  },
}

/**
 * Whole numbers of 32 bits, as Kafka's `IntegerSerializer` writes them: 4 bytes, big-endian.
 *
 * ```ts
 * const readings = topic('readings', { key: int32(), value: float64() })
 * ```
 */
export function int32(): Serde<number> {
  return INT32
}

/**
 * Whole numbers of 64 bits, as Kafka's `LongSerializer` writes them: 8 bytes, big-endian. The value is a plain number: a
 * number beyond the safe integers is rejected, in both directions.
 *
 * ```ts
 * const orders = topic('orders', { key: int64(), value: json<Order>() })
 * ```
 */
export function int64(): Serde<number> {
  return INT64
}

/**
 * Any number, as Kafka's `DoubleSerializer` writes it: 8 bytes, IEEE 754, big-endian. -0 becomes 0.
 *
 * ```ts
 * const prices = topic('prices', { key: string(), value: float64() })
 * ```
 */
export function float64(): Serde<number> {
  return FLOAT64
}

interface NumberFormat {
  readonly name: string
  readonly order: SerdeOrder
  readonly bytes: number
  /** What fits, in words. */
  readonly needed: string
  readonly fits: (value: number) => boolean
  readonly write: (buffer: Buffer, value: number, at: number) => void
  readonly read: (buffer: Buffer, at: number) => number
}

function numberSerde({ name, order, bytes, needed, fits, write, read }: NumberFormat): Serde<number> {
  const check = (value: unknown): number => {
    if (typeof value === 'number' && fits(value)) return value
    throw new Error(`${needed} is needed, not ${describeValue(value)}`)
  }
  return {
    name,
    order,
    primitive: true,
    encode(value: number, out: ByteWriter): void {
      check(value)
      out.reserve(bytes)
      write(out.buffer, value, out.position)
      out.position += bytes
    },
    // Adding zero makes -0 the 0 that it is read back as.
    normalize: (value) => check(value) + 0,
    decode(buffer: Buffer, start: number, end: number): number {
      if (end - start !== bytes) throw new Error(`${name} has ${bytes} bytes, not ${end - start}`)
      return check(read(buffer, start))
    },
    toJson: (value) => value,
    fromJson: (json) => check(json) + 0,
  }
}
