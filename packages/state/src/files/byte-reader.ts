/** Reads LevelDB's varints and byte strings one after another; throws a `RangeError` past the end. */
export class ByteReader {
  position: number
  readonly #bytes: Buffer
  readonly #end: number

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.#bytes = bytes
    this.position = start
    this.#end = end
  }

  get more(): boolean {
    return this.position < this.#end
  }

  /** A varint; beyond 2⁵³ it is not exact, and larger than anything that a file can hold. */
  varint(): number {
    let value = 0
    let scale = 1
    for (let length = 0; length < 10; length++) {
      const byte = this.#bytes.readUInt8(this.#advance(1))
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
      scale *= 128
    }
    throw new RangeError('a varint does not end')
  }

  skip(bytes: number): void {
    this.#advance(bytes)
  }

  #advance(bytes: number): number {
    const at = this.position
    if (at + bytes > this.#end) throw new RangeError('the content ends too early')
    this.position += bytes
    return at
  }
}
