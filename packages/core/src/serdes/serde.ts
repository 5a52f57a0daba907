import type { ByteWriter } from '../bytes/byte-writer.ts'
import type { Serde, SerdeOrder } from '../contracts/serde.ts'
import { RefusedError } from '../errors/millrace-error.ts'
import { isValidName } from '../names.ts'
import { versionedSerde } from './serde-versions.ts'

/** What your own serde is made of. */
export interface SerdeOptions<T> {
  /** Stable: it is recorded with the state that the serde wrote, and a state with another name is rejected. */
  readonly name: string
  /**
   * Returns the value's bytes; throws for what it cannot carry whole. Equal keys must give equal bytes. It is also called for
   * each value that enters a store, to reject it there.
   */
  readonly encode: (value: T) => Uint8Array
  /** Returns the value from its bytes, which are a copy: you may keep them. Throws for bytes that are not such a value. */
  readonly decode: (bytes: Uint8Array) => T
  /** How the bytes sort. Default `none`. */
  readonly order?: SerdeOrder
  /** The value as plain JSON, for views and the terminal. Default: as it is. */
  readonly toJson?: (value: T) => unknown
  /** The inverse of `toJson`; required with it. */
  readonly fromJson?: (json: unknown) => T
}

/** The names of Millrace's own serdes. */
const TAKEN = new Set(['string', 'json', 'bytes', 'int32', 'int64', 'float64', 'msgpack', 'none'])

/**
 * Your own serde, from two functions. Throws `BAD_NAME` for a name that is not valid, or that a serde of Millrace has.
 *
 * ```ts
 * const point = serde<Point>({
 *   name: 'point',
 *   encode: ({ x, y }) => new Uint8Array([x, y]),
 *   decode: ([x = 0, y = 0]) => ({ x, y }),
 * })
 * ```
 */
export function serde<T>(options: SerdeOptions<T>): Serde<T> {
  const { name, encode, decode, order = 'none' } = options
  if (!isValidName(name) || TAKEN.has(name)) {
    throw new RefusedError(
      'BAD_NAME',
      `Text ${JSON.stringify(name)} is not a valid name for a serde: it ${TAKEN.has(name) ? 'names a serde of Millrace' : 'must have letters or digits'}. Choose another name`,
    )
  }
  return {
    name,
    order,
    primitive: false,
    encode: (value: T, out: ByteWriter) => out.bytes(encode(value)),
    normalize(value) {
      // `encode` rejects what it cannot carry.
      encode(value)
      return value
    },
    decode: (bytes: Buffer, start: number, end: number) => decode(new Uint8Array(bytes.subarray(start, end))),
    toJson: options.toJson ?? ((value) => value),
    // Without `toJson` a value is its own JSON: the caller declares the type, as with plain JSON.
    fromJson: options.fromJson ?? ((json) => json as T),
  }
}

serde.versioned = versionedSerde
