import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

/** Two values, of which either may be absent: null. */
export interface Pair<A, B> {
  readonly first: A | null
  readonly second: B | null
}

const FIRST = 1
const SECOND = 2
const LENGTH_BYTES = 4

/**
 * Pairs of values. A byte says which of the two are there (bit 0: the first, bit 1: the second). If both are, the length of
 * the first follows, 4 bytes, big-endian. Then come the bytes of what is there.
 */
export function pair<A, B>(name: string, firstSerde: Serde<A>, secondSerde: Serde<B>): Serde<Pair<A, B>> {
  return {
    name,
    order: 'none',
    primitive: false,
    encode({ first, second }: Pair<A, B>, out: ByteWriter): void {
      out.reserve(1 + LENGTH_BYTES)
      out.buffer[out.position++] = (first === null ? 0 : FIRST) | (second === null ? 0 : SECOND)
      if (first !== null && second !== null) {
        const lengthAt = out.position
        out.position += LENGTH_BYTES
        firstSerde.encode(first, out)
        out.buffer.writeUInt32BE(out.position - lengthAt - LENGTH_BYTES, lengthAt)
      } else if (first !== null) firstSerde.encode(first, out)
      if (second !== null) secondSerde.encode(second, out)
    },
    normalize(value) {
      const first = normalOf(firstSerde, value.first)
      const second = normalOf(secondSerde, value.second)
      return first === value.first && second === value.second ? value : { first, second }
    },
    decode(bytes: Buffer, start: number, end: number): Pair<A, B> {
      const there = start < end ? (bytes[start] ?? 0) : Number.POSITIVE_INFINITY
      const both = there === (FIRST | SECOND)
      const firstStart = start + (both ? 1 + LENGTH_BYTES : 1)
      const isWhole = there <= (FIRST | SECOND) && firstStart <= end
      const firstEnd = both && isWhole ? firstStart + bytes.readUInt32BE(start + 1) : there === FIRST ? end : firstStart
      if (!isWhole || firstEnd > end) throw new Error(`the bytes are not a ${name}`)
      return {
        first: (there & FIRST) === 0 ? null : firstSerde.decode(bytes, firstStart, firstEnd),
        second: (there & SECOND) === 0 ? null : secondSerde.decode(bytes, firstEnd, end),
      }
    },
    toJson: ({ first, second }) => [
      first === null ? null : firstSerde.toJson(first),
      second === null ? null : secondSerde.toJson(second),
    ],
    fromJson(json) {
      if (!Array.isArray(json) || json.length !== 2)
        throw new Error(`a list of two values is needed, not ${describeValue(json)}`)
      const [first, second]: unknown[] = json
      return {
        first: first === null ? null : firstSerde.fromJson(first),
        second: second === null ? null : secondSerde.fromJson(second),
      }
    },
  }
}

function normalOf<T>(serde: Serde<T>, value: T | null): T | null {
  return value === null || serde.normalize === undefined ? value : serde.normalize(value)
}
