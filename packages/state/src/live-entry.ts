import type { Entry } from '@millrace/core/internal'

/** An entry of the write-back layer: a decoded value, and what is known of its stored counterpart. */
export class LiveEntry<K, V> implements Entry<K, V> {
  readonly key: K
  /** 0 in a store by key. */
  readonly windowStart: number
  value: V | undefined
  /** Changed since the last freeze. */
  dirty = false
  /** LevelDB may hold a value for this key, or will when the commit under way is applied. */
  stored: boolean
  /** The window index holds the key. */
  indexed: boolean
  /** Used since the last look of the eviction. */
  used = true

  constructor(key: K, windowStart: number, value: V | undefined) {
    this.key = key
    this.windowStart = windowStart
    this.value = value
    this.stored = value !== undefined
    this.indexed = this.stored
  }
}

/** The entry behind the contract's type. Entries are made by stores only. */
export function liveEntryOf<K, V>(entry: Entry<K, V>): LiveEntry<K, V> {
  if (entry instanceof LiveEntry) return entry
  throw new TypeError('This entry was not made by a store of this state')
}
