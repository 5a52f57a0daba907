import { ByteWriter, type Serde } from '@millrace/core'

/**
 * Gives a fold's callback a copy of the total, which it may change in place: when its record fails, the total in the store
 * is unchanged. A value that is not an object cannot be changed, and needs no copy.
 */
export class TotalCopier {
  readonly #serde: Serde<unknown>
  readonly #bytes = new ByteWriter(256)

  constructor(serde: Serde<unknown>) {
    this.#serde = serde
  }

  copy(total: unknown): unknown {
    if (typeof total !== 'object') return total
    const bytes = this.#bytes
    bytes.clear()
    this.#serde.encode(total, bytes)
    return this.#serde.decode(bytes.buffer, 0, bytes.position)
  }
}
