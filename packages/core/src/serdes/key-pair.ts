import { ByteWriter } from '../bytes/byte-writer.ts'
import { makeSortable, unmakeSortable } from '../bytes/sortable.ts'
import type { Serde } from '../contracts/serde.ts'
import { describeValue } from './describe-value.ts'

/** Two keys as one. */
export type KeyPair<A, B> = readonly [A, B]

/** Keys of two parts. They sort by the first part, then by the second. */
export function keyPair<A, B>(first: Serde<A>, second: Serde<B>): Serde<KeyPair<A, B>> {
  return new KeyPairSerde(first, second)
}

/**
 * The first part, made sortable and escaped (0x00 becomes 0x00 0xFF), then 0x00 0x01, which is less than any continuation, then the
 * second part, made sortable.
 */
class KeyPairSerde<A, B> implements Serde<KeyPair<A, B>> {
  readonly name: string
  readonly order
  readonly primitive = false
  readonly #first: Serde<A>
  readonly #second: Serde<B>
  readonly #scratch = new ByteWriter(64)

  constructor(first: Serde<A>, second: Serde<B>) {
    this.name = `keys(${first.name},${second.name})`
    this.order = first.order === 'none' || second.order === 'none' ? ('none' as const) : ('bytes' as const)
    this.#first = first
    this.#second = second
  }

  encode([first, second]: KeyPair<A, B>, out: ByteWriter): void {
    const start = out.position
    this.#first.encode(first, out)
    makeSortable(this.#first.order, out.buffer, start, out.position)
    escapeZeros(out, start)
    out.reserve(2)
    out.buffer[out.position++] = 0
    out.buffer[out.position++] = 1
    const from = out.position
    this.#second.encode(second, out)
    makeSortable(this.#second.order, out.buffer, from, out.position)
  }

  decode(bytes: Buffer, start: number, end: number): KeyPair<A, B> {
    const scratch = this.#scratch
    scratch.clear()
    scratch.reserve(end - start)
    let at = start
    for (; at < end; at++) {
      const byte = bytes[at] ?? 0
      if (byte === 0 && bytes[++at] !== 0xff) break
      scratch.buffer[scratch.position++] = byte
    }
    if (at >= end || bytes[at] !== 1) throw new Error('the bytes are not a pair')
    unmakeSortable(this.#first.order, scratch.buffer, 0, scratch.position)
    const first = this.#first.decode(scratch.buffer, 0, scratch.position)
    scratch.clear()
    scratch.bytes(bytes, at + 1, end)
    unmakeSortable(this.#second.order, scratch.buffer, 0, scratch.position)
    return [first, this.#second.decode(scratch.buffer, 0, scratch.position)]
  }

  toJson([first, second]: KeyPair<A, B>): unknown {
    return [this.#first.toJson(first), this.#second.toJson(second)]
  }

  fromJson(json: unknown): KeyPair<A, B> {
    if (!Array.isArray(json) || json.length !== 2) throw new Error(`a pair is needed, not ${describeValue(json)}`)
    return [this.#first.fromJson(json[0]), this.#second.fromJson(json[1])]
  }
}

/** Gives each zero byte from `start` on the byte that follows it. */
function escapeZeros(out: ByteWriter, start: number): void {
  let zeros = 0
  for (let at = start; at < out.position; at++) if (out.buffer[at] === 0) zeros++
  if (zeros === 0) return
  out.reserve(zeros)
  const { buffer } = out
  // From the end, so that no byte is overwritten before it is moved.
  let to = out.position + zeros
  for (let from = out.position - 1; from >= start; from--) {
    const byte = buffer[from] ?? 0
    if (byte === 0) buffer[--to] = 0xff
    buffer[--to] = byte
  }
  out.position += zeros
}
