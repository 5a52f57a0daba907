import type { ByteWriter } from '../bytes/byte-writer.ts'
import { readTime, TIME_BYTES, writeTime } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

/** A record whose call to the outside world is not done. */
export interface PendingCall<K, V> {
  /** Null if the record has no key. */
  readonly key: K | null
  /** Null for a deletion, which waits for its turn. */
  readonly value: V | null
  /** The record's event time, ms, and the watermark that came with it. */
  readonly at: number
  readonly watermark: number
  /** What has caused the record, and its number among the records that this has caused at the step: together, which record it is. */
  readonly origin: string
  readonly index: number
  /** The input and the offset that the record had in the task, and whether these depend on when other calls were done. */
  readonly inputId: number
  readonly offset: number
  readonly unordered: boolean
  /** Whether the job had processed the record before it was set back. */
  readonly repeated: boolean
}

const HAS_KEY = 1
const HAS_VALUE = 2
const IS_REPEATED = 4
const IS_UNORDERED = 8
const LENGTH_BYTES = 4
const NUMBERS = ['at', 'watermark', 'index', 'inputId', 'offset'] as const
const NUMBERS_BYTES = NUMBERS.length * TIME_BYTES

/**
 * The numbers, 8 bytes each; a byte that has what is there (bit 0: a key, bit 1: a value, bit 2: it is repeated, bit 3: it is unordered);
 * the origin and the key, each after its length in 4 bytes; and the value.
 */
export function pendingCall<K, V>(keySerde: Serde<K>, valueSerde: Serde<V>): Serde<PendingCall<K, V>> {
  const name = `call(${keySerde.name}, ${valueSerde.name})`
  return {
    name,
    order: 'none',
    primitive: false,
    encode(call, out) {
      const { key, value, origin } = call
      for (const field of NUMBERS) writeTime(out, call[field])
      out.reserve(1)
      out.buffer[out.position++] =
        (key === null ? 0 : HAS_KEY) |
        (value === null ? 0 : HAS_VALUE) |
        (call.repeated ? IS_REPEATED : 0) |
        (call.unordered ? IS_UNORDERED : 0)
      writePart(out, () => out.utf8(origin))
      if (key !== null) writePart(out, () => keySerde.encode(key, out))
      if (value !== null) valueSerde.encode(value, out)
    },
    decode(bytes, start, end) {
      if (start + NUMBERS_BYTES + 1 > end) throw new Error(`the bytes are not a ${name}`)
      const parts = new PartReader(bytes, start + NUMBERS_BYTES + 1, end, name)
      const flags = bytes[start + NUMBERS_BYTES] ?? 0
      const origin = parts.next((from, to) => bytes.toString('utf8', from, to))
      const key = (flags & HAS_KEY) === 0 ? null : parts.next((from, to) => keySerde.decode(bytes, from, to))
      const value = (flags & HAS_VALUE) === 0 ? null : valueSerde.decode(bytes, parts.at, end)
      const number = (index: number) => readTime(bytes, start + index * TIME_BYTES)
      return {
        key,
        value,
        origin,
        at: number(0),
        watermark: number(1),
        index: number(2),
        inputId: number(3),
        offset: number(4),
        repeated: (flags & IS_REPEATED) !== 0,
        unordered: (flags & IS_UNORDERED) !== 0,
      }
    },
    toJson: ({ key, value, ...others }) => ({
      key: key === null ? null : keySerde.toJson(key),
      value: value === null ? null : valueSerde.toJson(value),
      ...others,
    }),
    fromJson(json) {
      if (!isCallJson(json)) throw new Error(`a call is needed, not ${describeValue(json)}`)
      const { key, value, ...others } = json
      return {
        key: key === null ? null : keySerde.fromJson(key),
        value: value === null ? null : valueSerde.fromJson(value),
        ...others,
      }
    },
  }
}

/** Writes the length of a part, and then the part. */
function writePart(out: ByteWriter, write: () => void): void {
  out.reserve(LENGTH_BYTES)
  const from = out.position + LENGTH_BYTES
  out.position = from
  write()
  out.buffer.writeUInt32BE(out.position - from, from - LENGTH_BYTES)
}

/** Reads parts one after the other. */
class PartReader {
  at: number
  readonly #bytes: Buffer
  readonly #end: number
  readonly #name: string

  constructor(bytes: Buffer, at: number, end: number, name: string) {
    this.#bytes = bytes
    this.at = at
    this.#end = end
    this.#name = name
  }

  next<T>(read: (from: number, to: number) => T): T {
    const from = this.at + LENGTH_BYTES
    const to = from > this.#end ? from : from + this.#bytes.readUInt32BE(this.at)
    if (to > this.#end) throw new Error(`the bytes are not a ${this.#name}`)
    this.at = to
    return read(from, to)
  }
}

function isCallJson(json: unknown): json is PendingCall<unknown, unknown> {
  if (typeof json !== 'object' || json === null || !('key' in json && 'value' in json)) return false
  const fields = new Map<string, unknown>(Object.entries(json))
  return (
    NUMBERS.every((name) => Number.isSafeInteger(fields.get(name))) &&
    typeof fields.get('origin') === 'string' &&
    typeof fields.get('repeated') === 'boolean' &&
    typeof fields.get('unordered') === 'boolean'
  )
}
