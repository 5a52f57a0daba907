import type { ByteWriter } from '../bytes/byte-writer.ts'

/**
 * How a serde's bytes sort.
 *
 * - `bytes`: comparing the bytes compares the values (strings by code point, byte arrays).
 * - `signed`: big-endian two's complement; sorts once the first bit is flipped.
 * - `float`: IEEE 754 big-endian; sorts once the sign is folded in.
 * - `none`: the bytes have no useful order; ranges over such keys are in byte order.
 */
export type SerdeOrder = 'bytes' | 'signed' | 'float' | 'none'

/**
 * Bytes ↔ value, synchronous. A serde never sees null: a record without a key or value, and a tombstone, are null
 * outside the serde.
 *
 * An implementation must guarantee: `decode(encode(v))` equals `v`; equal keys have equal bytes; `decode` does not keep or
 * alias `bytes`, which are reused; both throw an ordinary `Error` for what they cannot carry.
 */
export interface Serde<T> {
  /** Stable; recorded with the state that this serde wrote. A state written under another name is rejected. */
  readonly name: string
  readonly order: SerdeOrder
  /** Values are equal exactly when they are `===` (strings, numbers), so that a `Map` may be keyed by them. */
  readonly primitive: boolean
  /** Appends the value's bytes at `out.position`. */
  encode(value: T, out: ByteWriter): void
  /**
   * The value as `decode` returns it once it is encoded: the same value, or an equal one. Throws for what the serde cannot
   * carry whole; the error names the place in the value. It is called for each value that enters a store, so that memory always
   * holds what a restart would read. Absent: the value is taken as it is.
   */
  normalize?(value: T): T
  /** Reads the value from `bytes[start, end)`. */
  decode(bytes: Buffer, start: number, end: number): T
  /**
   * Reads the value from its bytes as text, for a serde whose bytes are UTF-8: a batch has the text of many values at less
   * cost than `decode` has that of one. The value must not keep the text, nor a part of it. Absent: `decode` is called.
   */
  decodeText?(text: string): T
  /** The value as plain JSON, for views and the terminal. */
  toJson(value: T): unknown
  /** The inverse of `toJson`. Throws for JSON that is not such a value. */
  fromJson(json: unknown): T
}

/** The value type of a serde. */
export type ValueOf<S> = S extends Serde<infer T> ? T : never
