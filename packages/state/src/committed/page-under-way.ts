import type { StoredEntry, StorePage, StoreRange } from '@millrace/core/internal'

const NO_BOUND = Number.POSITIVE_INFINITY

/** A page that is being read: its entries, and its cost so far. */
export class PageUnderWay<K, V> {
  readonly entries: StoredEntry<K, V>[] = []
  readonly order: Buffer[] = []
  readonly #range: StoreRange<K>
  #bytes = 0
  #looks = 0
  #lookBytes = 0

  constructor(range: StoreRange<K>) {
    this.#range = range
  }

  /** How many more entries it may take. */
  get room(): number {
    return this.#range.limit - this.entries.length
  }

  /** Whether it ends before its limit of entries. */
  get isFull(): boolean {
    const { bytesMax = NO_BOUND, looksMax = NO_BOUND, lookBytesMax = NO_BOUND } = this.#range
    return this.#bytes >= bytesMax || this.#looks >= looksMax || this.#lookBytes >= lookBytesMax
  }

  add(entry: StoredEntry<K, V>, order: Buffer, bytes: number): void {
    this.entries.push(entry)
    this.order.push(Buffer.from(order))
    this.#bytes += bytes
    this.passOver(bytes)
  }

  passOver(bytes: number): void {
    this.#looks++
    this.#lookBytes += bytes
  }

  ended(next: Buffer | null): StorePage<K, V> {
    const { entries, order } = this
    return { entries, order, bytes: this.#bytes, next: next === null ? null : Buffer.from(next) }
  }
}
