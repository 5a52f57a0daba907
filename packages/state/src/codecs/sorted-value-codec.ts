import type { ByteWriter, Serde } from '@millrace/core'
import { readTime, type Sorted, TIME_BYTES, writeTime } from '@millrace/core/internal'
import { KeyCodec } from './key-codec.ts'
import type { Values } from './value-codec.ts'

/**
 * The values of a sorted store as bytes, the same in LevelDB and in the changelog: `<time, 8 bytes, if the store is timed>
 * <order, escaped as a timed key> 00 01 <value>`. So what an entry is sorted by is known without the job's code.
 */
export class SortedValueCodec<V, O> implements Values<Sorted<V, O>> {
  readonly #value: Serde<V>
  readonly #order: KeyCodec<O>
  readonly #timed: boolean

  constructor({ value, timed }: { readonly value: Serde<V>; readonly timed: boolean }, order: Serde<O>) {
    this.#value = value
    this.#order = new KeyCodec('', order, true)
    this.#timed = timed
  }

  write(out: ByteWriter, { value, order }: Sorted<V, O>, time: number): void {
    if (this.#timed) writeTime(out, time)
    this.writeOrder(out, order)
    this.#value.encode(value, out)
  }

  /** Appends the order and its end. */
  writeOrder(out: ByteWriter, order: O): void {
    this.#order.writeOrdered(out, order)
    this.#order.writeEnd(out)
  }

  read(bytes: Buffer, start: number, end: number): Sorted<V, O> {
    const [from, to] = this.orderIn(bytes, start)
    const order = this.#order.readOrdered(bytes, from, to - KEY_END_BYTES)
    return { value: this.#value.decode(bytes, to, end), order }
  }

  /** The value alone. */
  readValue(bytes: Buffer, start: number, end: number): V {
    return this.#value.decode(bytes, this.orderIn(bytes, start)[1], end)
  }

  readTime(bytes: Buffer, start: number): number {
    return this.#timed ? readTime(bytes, start) : 0
  }

  /** The range of the order and its end, in a value that begins at `start`. */
  orderIn(bytes: Buffer, start: number): readonly [from: number, to: number] {
    const from = this.#timed ? start + TIME_BYTES : start
    return [from, endOfEscaped(bytes, from)]
  }
}

const KEY_END_BYTES = 2

/** The index after the end of escaped bytes that begin at `start`. */
export function endOfEscaped(bytes: Buffer, start: number): number {
  let at = bytes.indexOf(0, start)
  // An escaped zero byte is followed by FF, and the end by 01.
  while (at >= 0 && bytes[at + 1] !== 1) at = bytes.indexOf(0, at + 2)
  if (at < 0) throw new Error('The order of a value has no end')
  return at + KEY_END_BYTES
}
