import { ByteWriter, type Comparable, type Serde } from '@millrace/core'
import { makeSortable } from '@millrace/core/internal'
import { KeyEncoder } from '../outputs/key-encoder.ts'

/** Where the group is in a place. */
const GROUP_AT = 4
const NUMBER = 1
const TEXT = 2
/** After every row of a group: ranks begin with `NUMBER` or `TEXT`, or with these inverted. */
const AFTER_ALL = Buffer.of(0xff)
const ZERO = Buffer.of(0)

/**
 * The places of rows: comparing their bytes gives the order of the rows of a group. A place is the length of the group (4 bytes,
 * big-endian), the group, the rank, and the key of the row, so that no two rows have the same.
 */
export class RankPlaces {
  readonly #group: Serde<unknown>
  readonly #key: Serde<unknown>
  readonly #descending: boolean
  readonly #groups: KeyEncoder
  readonly #keys: KeyEncoder
  readonly #out = new ByteWriter(64)

  /** Greatest ranks come first if `descending`. `step` is named in errors. */
  constructor(step: string, group: Serde<unknown>, key: Serde<unknown>, descending: boolean) {
    this.#group = group
    this.#key = key
    this.#descending = descending
    this.#groups = new KeyEncoder(step, group, 1)
    this.#keys = new KeyEncoder(step, key, 1)
  }

  /** Throws `RECORD_UNENCODABLE` if the group or the key cannot be written. */
  placeOf(group: unknown, rank: Comparable, key: unknown): Buffer {
    const groups = this.#groups
    groups.encode(group)
    const out = this.#out
    out.clear()
    out.reserve(GROUP_AT)
    out.position = out.buffer.writeUInt32BE(groups.end, 0)
    out.bytes(groups.bytes, 0, groups.end)
    this.#writeRank(rank)
    const keys = this.#keys
    keys.encode(key)
    const start = out.position
    out.bytes(keys.bytes, 0, keys.end)
    makeSortable(this.#key.order, out.buffer, start, out.position)
    return out.toBytes()
  }

  /** The group of the row that has a place. */
  groupOf(place: Uint8Array): unknown {
    const group = groupBytes(place)
    return this.#group.decode(group, GROUP_AT, group.length)
  }

  /** Numbers come before texts, which are compared by code point. Descending: the other way round. */
  #writeRank(rank: Comparable): void {
    const out = this.#out
    const start = out.position
    out.reserve(1 + Float64Array.BYTES_PER_ELEMENT)
    if (typeof rank === 'number') {
      out.buffer[out.position++] = NUMBER
      const at = out.position
      out.position = out.buffer.writeDoubleBE(rank, at)
      makeSortable('float', out.buffer, at, out.position)
    } else {
      out.buffer[out.position++] = TEXT
      const at = out.position
      out.utf8(rank)
      // No byte of UTF-8 is above F4. So a text can end with a byte that is less than all others.
      for (let index = at; index < out.position; index++) out.buffer[index] = (out.buffer[index] ?? 0) + 1
      out.bytes(ZERO)
    }
    if (!this.#descending) return
    for (let index = start; index < out.position; index++) out.buffer[index] = (out.buffer[index] ?? 0) ^ 0xff
  }
}

/** Whether two rows are in one group. */
export function inOneGroup(place: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(groupBytes(place), groupBytes(other)) === 0
}

/** Before the first place, and after the last place, of the group of a place. */
export function boundsOfGroup(place: Uint8Array): { readonly from: Buffer; readonly to: Buffer } {
  const from = groupBytes(place)
  return { from, to: Buffer.concat([from, AFTER_ALL]) }
}

/** Behind a place, and before the next one. */
export function behind(place: Uint8Array): Buffer {
  return Buffer.concat([place, ZERO])
}

/** The length of the group, and the group. */
function groupBytes(place: Uint8Array): Buffer {
  const bytes = Buffer.from(place.buffer, place.byteOffset, place.length)
  return bytes.subarray(0, GROUP_AT + bytes.readUInt32BE(0))
}
