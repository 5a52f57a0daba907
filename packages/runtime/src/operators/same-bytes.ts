import { ByteWriter, type Serde } from '@millrace/core'

/** Whether two values are written alike. */
export class SameBytes {
  readonly #serde: Serde<unknown>
  readonly #a = new ByteWriter(64)
  readonly #b = new ByteWriter(64)

  constructor(serde: Serde<unknown>) {
    this.#serde = serde
  }

  are(a: unknown, b: unknown): boolean {
    if (Object.is(a, b)) return true
    const [one, other] = [this.#a, this.#b]
    one.clear()
    other.clear()
    this.#serde.encode(a, one)
    this.#serde.encode(b, other)
    return one.buffer.compare(other.buffer, 0, other.position, 0, one.position) === 0
  }
}
