import { strictUtf8 } from '@millrace/core/internal'

/**
 * How much of a batch becomes one string. A cut from a string costs a fraction of a call that makes one from bytes; a string
 * of this size stays in the processor's inner cache until all its values are read.
 */
const WINDOW_BYTES = 16 * 1024
/** The high bits of four bytes. */
const HIGH_BITS = 0x80808080
const HIGH_BIT = 0x80

/**
 * Values of one batch as text. Values of ASCII bytes, which nearly all JSON is, are cut from a larger string that is made of
 * many values at once; others are decoded one by one.
 */
export class BatchText {
  #bytes: Buffer = Buffer.alloc(0)
  /** The whole memory that the bytes are in, by fours. */
  #words: Int32Array = new Int32Array(0)
  /** The byte of that memory at which `bytes` begins. */
  #offset = 0
  /** `bytes[from, to)`, a character for each byte. */
  #text = ''
  #from = 0
  #to = 0

  /** Begins a batch: its bytes are other ones now, also if they are in the same buffer. */
  begin(bytes: Buffer): void {
    this.#to = 0
    if (bytes === this.#bytes) return
    this.#bytes = bytes
    this.#offset = bytes.byteOffset
    this.#words = new Int32Array(bytes.buffer, 0, bytes.buffer.byteLength >>> 2)
  }

  /**
   * `bytes[start, end)` as text. Throws if they are not UTF-8. Bytes up to `limit` may be looked at, because values that
   * follow are wanted next.
   */
  read(start: number, end: number, limit: number): string {
    if (!this.#isAscii(start, end)) return strictUtf8(this.#bytes, start, end)
    if (start < this.#from || end > this.#to) {
      this.#from = start
      this.#to = Math.max(end, Math.min(start + WINDOW_BYTES, limit))
      this.#text = this.#bytes.latin1Slice(start, this.#to)
    }
    return this.#text.substring(start - this.#from, end - this.#from)
  }

  #isAscii(start: number, end: number): boolean {
    const bytes = this.#bytes
    const words = this.#words
    const offset = this.#offset
    const firstWord = (offset + start + 3) >>> 2
    const endWord = (offset + end) >>> 2
    let high = 0
    for (let word = firstWord; word < endWord; word++) high |= words[word] ?? 0
    high &= HIGH_BITS
    // What is before the first whole word, and after the last one: at most three bytes each, or all of a short value.
    const wordsStart = Math.min(firstWord * 4 - offset, end)
    const wordsEnd = Math.max(endWord * 4 - offset, wordsStart)
    for (let at = start; at < wordsStart; at++) high |= (bytes[at] ?? 0) & HIGH_BIT
    for (let at = wordsEnd; at < end; at++) high |= (bytes[at] ?? 0) & HIGH_BIT
    return high === 0
  }
}
