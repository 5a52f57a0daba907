import { ByteWriter, type Serde } from '@millrace/core'
import { makeSortable } from '@millrace/core/internal'

/** Keys as text, to compare them: it is equal for equal keys, and in the order in which a store has them. */
export class KeyText {
  readonly #serde: Serde<unknown>
  readonly #bytes = new ByteWriter(64)

  constructor(serde: Serde<unknown>) {
    this.#serde = serde
  }

  of(key: unknown): string {
    const bytes = this.#bytes
    bytes.clear()
    this.#serde.encode(key, bytes)
    makeSortable(this.#serde.order, bytes.buffer, 0, bytes.position)
    return bytes.buffer.latin1Slice(0, bytes.position)
  }
}
