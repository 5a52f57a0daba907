import { ByteWriter, type Serde } from '@millrace/core'
import { makeSortable, readTime, TIME_BYTES, unmakeSortable, writeTime } from '@millrace/core/internal'

const ESCAPE = 0x00
/** Follows an escaped zero byte. Greater than `END`, so that a key sorts before every longer key that begins with it. */
const ESCAPED_ZERO = 0xff
/** Follows the zero byte that ends an escaped key. */
const END = 0x01
const END_BYTES = 2
/** The bytes of a timed key after the escaped key: its end, and two times. */
const TAIL_BYTES = END_BYTES + 2 * TIME_BYTES

/** The latest time that can be stored. Bounds of a range may be infinite; they become this. */
export const BOUND_MAX = Number.MAX_SAFE_INTEGER

/** A decoded key of a store by key and time. */
export interface TimedKey<K> {
  readonly key: K
  readonly start: number
  readonly end: number
}

/**
 * The keys of one store as bytes, the same in LevelDB and in the changelog:
 *
 * - by key: `<store> 00 <ordered key>`
 * - by key and time: `<store> 00 <ordered key, each 00 as 00 FF> 00 01 <start, 8 bytes> <end, 8 bytes>`
 *
 * An ordered key is the serde's bytes, adjusted so that comparing bytes compares values. A timed key is escaped so that no key
 * is the beginning of another: otherwise the windows of one key could be between those of another.
 */
export class KeyCodec<K> {
  /** `<store> 00`: the prefix of all keys of the store. */
  readonly prefix: Buffer
  /** The first key after all keys of the store. */
  readonly end: Buffer
  /** Whether keys have a start and an end. */
  readonly timed: boolean
  readonly #serde: Serde<K>
  readonly #scratch = new ByteWriter()

  constructor(store: string, serde: Serde<K>, timed: boolean) {
    this.prefix = Buffer.from(`${store}\0`)
    this.end = Buffer.from(`${store}\x01`)
    this.timed = timed
    this.#serde = serde
  }

  /** Appends the whole key of a store by key. */
  write(out: ByteWriter, key: K): void {
    out.bytes(this.prefix)
    this.writeOrdered(out, key)
  }

  /** Appends the whole key of a store by key and time. */
  writeTimed(out: ByteWriter, key: K, start: number, end: number): void {
    out.bytes(this.prefix)
    this.writeOrdered(out, key)
    this.writeEnd(out)
    writeTime(out, start)
    writeTime(out, end)
  }

  /** Appends the ordered key alone; in a store by key and time escaped, without its end. */
  writeOrdered(out: ByteWriter, key: K): void {
    const start = out.position
    this.#serde.encode(key, out)
    makeSortable(this.#serde.order, out.buffer, start, out.position)
    if (this.timed) escapeZeros(out, start)
  }

  /** Appends the end of an escaped key. */
  writeEnd(out: ByteWriter): void {
    out.reserve(END_BYTES)
    out.buffer[out.position++] = ESCAPE
    out.buffer[out.position++] = END
  }

  /** Decodes a whole key, `bytes[start, end)`, of a store by key. */
  read(bytes: Buffer, start: number, end: number): K {
    return this.readOrdered(bytes, start + this.prefix.length, end)
  }

  /** Decodes a whole key, `bytes[start, end)`, of a store by key and time. */
  readTimed(bytes: Buffer, start: number, end: number): TimedKey<K> {
    const key = this.readOrdered(bytes, start + this.prefix.length, this.orderedEnd(end))
    return { key, start: this.startIn(bytes, end), end: this.endIn(bytes, end) }
  }

  /** Whether `bytes[start, end)` is a key of this store. */
  isKey(bytes: Buffer, start: number, end: number): boolean {
    const { prefix } = this
    if (end - start < prefix.length) return false
    for (let at = 0; at < prefix.length; at++) if (bytes[start + at] !== prefix[at]) return false
    return true
  }

  /** Decodes what `writeOrdered` wrote. */
  readOrdered(bytes: Buffer, start: number, end: number): K {
    const { order } = this.#serde
    const escaped = this.timed && bytes.subarray(start, end).includes(ESCAPE)
    if (!escaped && (order === 'bytes' || order === 'none')) return this.#serde.decode(bytes, start, end)
    const scratch = this.#scratch
    scratch.clear()
    if (escaped) unescapeZeros(bytes, start, end, scratch)
    else scratch.bytes(bytes, start, end)
    unmakeSortable(order, scratch.buffer, 0, scratch.position)
    return this.#serde.decode(scratch.buffer, 0, scratch.position)
  }

  /** Where the escaped key ends in a timed key whose bytes end at `end`. */
  orderedEnd(end: number): number {
    return end - TAIL_BYTES
  }

  /** The start in a timed key whose bytes end at `end`. */
  startIn(bytes: Buffer, end: number): number {
    return readTime(bytes, end - 2 * TIME_BYTES)
  }

  /** The end in a timed key whose bytes end at `end`. */
  endIn(bytes: Buffer, end: number): number {
    return readTime(bytes, end - TIME_BYTES)
  }
}

/** Appends `bytes` in the form of a timed key: each 00 as 00 FF. */
export function writeEscaped(out: ByteWriter, bytes: Uint8Array): void {
  const start = out.position
  out.bytes(bytes)
  escapeZeros(out, start)
}

function escapeZeros(out: ByteWriter, start: number): void {
  let zeros = 0
  for (let at = start; at < out.position; at++) if (out.buffer[at] === ESCAPE) zeros++
  if (zeros === 0) return
  out.reserve(zeros)
  const { buffer } = out
  // From the end, so that no byte is overwritten before it is moved.
  let to = out.position + zeros
  for (let from = out.position - 1; from >= start; from--) {
    const byte = buffer[from] ?? 0
    if (byte === ESCAPE) buffer[--to] = ESCAPED_ZERO
    buffer[--to] = byte
  }
  out.position += zeros
}

function unescapeZeros(bytes: Buffer, start: number, end: number, out: ByteWriter): void {
  out.reserve(end - start)
  for (let at = start; at < end; at++) {
    const byte = bytes[at] ?? 0
    out.buffer[out.position++] = byte
    if (byte === ESCAPE) at++
  }
}
