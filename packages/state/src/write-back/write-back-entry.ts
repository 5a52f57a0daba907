import type { Entry, InstantEntry, WindowEntry } from '@millrace/core/internal'
import type { Values } from '../codecs/value-codec.ts'
import { CHECKSUM_BYTES } from '../database.ts'

/** An entry of the write-back layer: a decoded value, and what is known about its stored value. */
export class WriteBackEntry<K, V> implements WindowEntry<K, V>, InstantEntry<K, V> {
  readonly key: K
  /** In a store by instant, the instant; in a store by key, 0. */
  readonly start: number
  /** In a store by instant, the sequence; in a store by key, 0. */
  readonly end: number
  value: V | undefined
  time: number
  /** Changed since the last freeze. */
  dirty = false
  /** LevelDB may hold a value for this key, or will hold one when the commit under way is applied. */
  stored: boolean
  /** The time index holds the entry. */
  indexed: boolean
  /** Used again since the entry was made, or since the eviction last looked at it. */
  used = false

  constructor(key: K, start: number, end: number, value: V | undefined, time: number) {
    this.key = key
    this.start = start
    this.end = end
    this.value = value
    this.time = time
    this.stored = value !== undefined
    this.indexed = this.stored
  }

  get at(): number {
    return this.start
  }

  get sequence(): number {
    return this.end
  }
}

/** The entry for the bytes that LevelDB holds under a key, checksum first; an entry without a value if it holds nothing. */
export function writeBackEntry<K, V>(
  key: K,
  start: number,
  end: number,
  stored: Buffer | undefined,
  values: Values<V>,
): WriteBackEntry<K, V> {
  if (stored === undefined) return new WriteBackEntry<K, V>(key, start, end, undefined, 0)
  const value = values.read(stored, CHECKSUM_BYTES, stored.length)
  return new WriteBackEntry(key, start, end, value, values.readTime(stored, CHECKSUM_BYTES))
}

/** Casts the contract's type to the entry behind it. Only stores make entries. */
export function writeBackEntryOf<K, V>(entry: Entry<K, V>): WriteBackEntry<K, V> {
  if (entry instanceof WriteBackEntry) return entry
  throw new TypeError('This entry was not made by a store of this state')
}
