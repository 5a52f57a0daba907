import type { ByteWriter, Serde } from '@millrace/core'
import { readTime, TIME_BYTES, writeTime } from '@millrace/core/internal'

/** Reads and writes the values of a write-back store. */
export interface Values<V> {
  write(out: ByteWriter, value: V, time: number): void
  read(bytes: Buffer, start: number, end: number): V
  readTime(bytes: Buffer, start: number): number
}

/** The values of one store as bytes, the same in LevelDB and in the changelog: `<time, 8 bytes, if the store is timed> <value>`. */
export class ValueCodec<V> implements Values<V> {
  readonly #serde: Serde<V>
  readonly #timed: boolean

  constructor({ value, timed }: { readonly value: Serde<V>; readonly timed: boolean }) {
    this.#serde = value
    this.#timed = timed
  }

  write(out: ByteWriter, value: V, time: number): void {
    if (this.#timed) writeTime(out, time)
    this.#serde.encode(value, out)
  }

  read(bytes: Buffer, start: number, end: number): V {
    return this.#serde.decode(bytes, this.#timed ? start + TIME_BYTES : start, end)
  }

  /** The time stored with a value; 0 in a store without times. */
  readTime(bytes: Buffer, start: number): number {
    return this.#timed ? readTime(bytes, start) : 0
  }
}
