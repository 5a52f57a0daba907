import './buffer-strings.ts'

const INITIAL_BYTES = 1024
/** Fewer bytes than this are copied one by one, which takes less than a call. */
const COPIED_BY_CALL_MIN = 32

/**
 * A growing buffer that serdes and batch builders write into. `buffer` is replaced when it grows: read it again after
 * every `reserve`. Lengths are bytes.
 */
export class ByteWriter {
  buffer: Buffer
  position = 0

  constructor(initialBytes = INITIAL_BYTES) {
    this.buffer = Buffer.allocUnsafeSlow(initialBytes)
  }

  /** Makes room for `bytes` more at `position`; the content before `position` is kept. */
  reserve(bytes: number): void {
    const needed = this.position + bytes
    if (needed <= this.buffer.length) return
    // Doubling keeps the copying linear in what is written.
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2))
    this.buffer.copy(grown, 0, 0, this.position)
    this.buffer = grown
  }

  /** Appends a string as UTF-8. */
  utf8(text: string): void {
    this.reserve(text.length * 3)
    this.position += this.buffer.utf8Write(text, this.position)
  }

  /** Appends `bytes[start, end)`. */
  bytes(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const length = end - start
    this.reserve(length)
    const { buffer, position } = this
    if (length < COPIED_BY_CALL_MIN) for (let at = 0; at < length; at++) buffer[position + at] = bytes[start + at] ?? 0
    else buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), position)
    this.position = position + length
  }

  /** A copy of everything written so far. */
  toBytes(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.position))
  }

  /** Discards what was written, and keeps the room. */
  clear(): void {
    this.position = 0
  }
}
