import type { Instant, WindowBounds } from './store-shape.ts'

/** A key and value as a query sees it. */
export interface StoredEntry<K, V> {
  readonly key: K
  /** In a store by window or interval. */
  readonly window?: WindowBounds
  /** In a store by instant. */
  readonly instant?: Instant
  readonly value: V
}

/** Which entries a range query wants. All bounds are by stored order; each is optional. */
export interface StoreRange<K> {
  /**
   * `key`: by key, then by time. `time`: by time over all keys, as `TimedStore` defines it; the cost is that of the entries
   * between the bounds of time, and of the keys of those that share a time with them. `order`: by the second order of a
   * sorted store, then by key. Default: `key`.
   */
  readonly by?: 'key' | 'time' | 'order'
  /** Only this key: in a store by key and time all its entries. By key, the cost is that of its entries. */
  readonly key?: K
  /** First key, inclusive. */
  readonly from?: K
  /** Last key, exclusive. */
  readonly to?: K
  /** Only keys whose encoded bytes start with these; for string keys, the UTF-8 of a prefix. */
  readonly prefix?: Buffer
  /** Windows and intervals that start at or after, or instants from this one on; by time: entries from this time on. */
  readonly windowFrom?: number
  /** Windows and intervals that start before, or instants before this one; by time: entries before this time. */
  readonly windowTo?: number
  /** From the last entry to the first. Default: false. */
  readonly reverse?: boolean
  /** Continue after this place in the page's order: any of `StorePage.order`, also one from another task's store. */
  readonly after?: Buffer
  /** At most this many entries; at least 1. */
  readonly limit: number
  /** Ends the page once its entries have this many stored bytes. The page has its first entry whatever its size. Default: no bound. */
  readonly bytesMax?: number
  /** Ends the page once this many entries were read, skipped ones included; at least 1. Default: no bound. */
  readonly looksMax?: number
  /** Ends the page once this many stored bytes were read, skipped ones included. Default: no bound. */
  readonly lookBytesMax?: number
  /** Called between two reads, after the first: true ends the page. Default: never. */
  readonly enough?: () => boolean
}

export interface StorePage<K, V> {
  /** Values are decoded when they are read: until then a page holds their stored bytes. */
  readonly entries: readonly StoredEntry<K, V>[]
  /**
   * The place in stored order up to which the page is complete, if more may follow: the next page's `after`. Null at the end.
   * It is the last entry's `order`, or a later place if entries that were read after it did not match.
   */
  readonly next: Buffer | null
  /** The stored bytes of the entries. */
  readonly bytes: number
  /** The stored order of each entry, parallel to `entries`: comparing the bytes merges pages of several tasks. */
  readonly order: readonly Buffer[]
}

/**
 * What is committed in one store; never what processing holds in memory. All entries of one call are from one commit: the
 * last one whose `apply` resolved before the call, or a later one. So the answer has reached every position that was noted
 * before the call.
 */
export interface CommittedStore<K, V> {
  get(key: K): Promise<V | undefined>
  /** The entry of the key's window that starts at `windowStart`; of several intervals, the longest. */
  getWindow(key: K, windowStart: number): Promise<StoredEntry<K, V> | undefined>
  range(range: StoreRange<K>): Promise<StorePage<K, V>>
}
