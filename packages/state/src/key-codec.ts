import { ByteWriter, type Serde } from '@millrace/core'
import { makeSortable, readTime, TIME_BYTES, unmakeSortable, writeTime } from '@millrace/core/internal'

const ESCAPE = 0x00
/** Follows an escaped zero byte. Greater than `END`, so that a key sorts before every longer key that begins with it. */
const ESCAPED_ZERO = 0xff
/** Follows the zero byte that ends an escaped key. */
const END = 0x01
const END_BYTES = 2
/** The bytes of a windowed key after the escaped key: its end and the window's start. */
const WINDOW_BYTES = END_BYTES + TIME_BYTES

/** A decoded key of a windowed store. */
export interface WindowedKey<K> {
  readonly key: K
  readonly windowStart: number
}

/**
 * The keys of one store as bytes, the same in LevelDB and in the changelog:
 *
 * - by key: `<store> 00 <ordered key>`
 * - windowed: `<store> 00 <ordered key, each 00 as 00 FF> 00 01 <window start, 8 bytes>`
 *
 * An ordered key is the serde's bytes, adjusted so that comparing bytes compares values. A windowed key is escaped so that no
 * key is the beginning of another: otherwise the windows of one key could be between those of another.
 */
export class KeyCodec<K> {
  /** `<store> 00`: the prefix of all keys of the store. */
  readonly prefix: Buffer
  /** The first key after all keys of the store. */
  readonly end: Buffer
  readonly windowed: boolean
  readonly #serde: Serde<K>
  readonly #scratch = new ByteWriter()

  constructor(store: string, serde: Serde<K>, windowed: boolean) {
    this.prefix = Buffer.from(`${store}\0`)
    this.end = Buffer.from(`${store}\x01`)
    this.windowed = windowed
    this.#serde = serde
  }

  /** Appends the whole key of a store by key. */
  write(out: ByteWriter, key: K): void {
    out.bytes(this.prefix)
    this.writeOrdered(out, key)
  }

  /** Appends the whole key of a windowed store. */
  writeWindowed(out: ByteWriter, key: K, windowStart: number): void {
    out.bytes(this.prefix)
    this.writeOrdered(out, key)
    this.writeWindow(out, windowStart)
  }

  /** Appends the ordered key alone; in a windowed store escaped, without its end. */
  writeOrdered(out: ByteWriter, key: K): void {
    const start = out.position
    this.#serde.encode(key, out)
    makeSortable(this.#serde.order, out.buffer, start, out.position)
    if (this.windowed) escapeZeros(out, start)
  }

  /** Appends what follows an escaped key: its end and the window's start. */
  writeWindow(out: ByteWriter, windowStart: number): void {
    this.writeEnd(out)
    writeTime(out, windowStart)
  }

  writeEnd(out: ByteWriter): void {
    out.reserve(END_BYTES)
    out.buffer[out.position++] = ESCAPE
    out.buffer[out.position++] = END
  }

  /** Decodes a whole key, `bytes[start, end)`, of a store by key. */
  read(bytes: Buffer, start: number, end: number): K {
    return this.readOrdered(bytes, start + this.prefix.length, end)
  }

  /** Decodes a whole key, `bytes[start, end)`, of a windowed store. */
  readWindowed(bytes: Buffer, start: number, end: number): WindowedKey<K> {
    const key = this.readOrdered(bytes, start + this.prefix.length, this.orderedEnd(end))
    return { key, windowStart: this.windowStart(bytes, end) }
  }

  /** Decodes what `writeOrdered` wrote. */
  readOrdered(bytes: Buffer, start: number, end: number): K {
    const { order } = this.#serde
    const escaped = this.windowed && bytes.subarray(start, end).includes(ESCAPE)
    if (!escaped && (order === 'bytes' || order === 'none')) return this.#serde.decode(bytes, start, end)
    const scratch = this.#scratch
    scratch.clear()
    if (escaped) unescapeZeros(bytes, start, end, scratch)
    else scratch.bytes(bytes, start, end)
    unmakeSortable(order, scratch.buffer, 0, scratch.position)
    return this.#serde.decode(scratch.buffer, 0, scratch.position)
  }

  /** Whether a windowed key that ends at `end` has the right form. */
  isWindowed(bytes: Buffer, start: number, end: number): boolean {
    const at = end - WINDOW_BYTES
    return at >= start + this.prefix.length && bytes[at] === ESCAPE && bytes[at + 1] === END
  }

  /** Where the escaped key ends in a windowed key that ends at `end`. */
  orderedEnd(end: number): number {
    return end - WINDOW_BYTES
  }

  /** The window start of a windowed key that ends at `end`. */
  windowStart(bytes: Buffer, end: number): number {
    return readTime(bytes, end - TIME_BYTES)
  }
}

/** Appends `bytes` in the form of a windowed key: each 00 as 00 FF. */
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
