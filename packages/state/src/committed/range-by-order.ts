import type { StoredEntry, StorePage, StoreRange } from '@millrace/core/internal'
import { endOfEscaped } from '../codecs/sorted-value-codec.ts'
import { CHECKSUM_BYTES, type Database } from '../database.ts'
import { orderPrefix, readPlaces } from '../indexes/order-index.ts'
import { Moment } from './moment.ts'
import type { PageUnderWay } from './page-under-way.ts'

/** Pages of the index that are read at once: 16 KiB, some hundred places. */
const PAGES_READ = 8

export interface SortedSource {
  readonly database: Database
  /** The prefix of the store's keys. */
  readonly prefix: Buffer
  /** The first key after all keys of the store. */
  readonly end: Buffer
}

/** A range by the second order of a sorted store, then by key. It reads the pages of the index, and the entries that it returns. */
export class RangeByOrder<K, V> {
  readonly #source: SortedSource
  readonly #range: StoreRange<K>
  readonly #bounds: readonly [Buffer, Buffer]
  readonly #index: Buffer
  readonly #page: PageUnderWay<K, V>
  readonly #decode: (key: Buffer, stored: Buffer) => StoredEntry<K, V>

  /** `bounds`: of the stored keys that can be wanted, the first, and the first one after them. */
  constructor(
    source: SortedSource,
    range: StoreRange<K>,
    bounds: readonly [Buffer, Buffer],
    page: PageUnderWay<K, V>,
    decode: (key: Buffer, stored: Buffer) => StoredEntry<K, V>,
  ) {
    this.#source = source
    this.#range = range
    this.#bounds = bounds
    this.#index = orderPrefix(source.prefix)
    this.#page = page
    this.#decode = decode
  }

  async read(): Promise<StorePage<K, V>> {
    const reverse = this.#range.reverse === true
    const moment = await Moment.open(this.#source.database)
    try {
      let at = await this.#firstPage(moment, reverse)
      let isRead = false
      while (at !== undefined) {
        const [from, pages]: [Buffer, [Buffer, Buffer][]] = [at, await moment.read(at, PAGES_READ + 1, reverse)]
        at = undefined
        for (const [key, stored] of pages) {
          if (isRead && key.equals(from)) continue
          if (!this.#isPage(key)) break
          this.#source.database.check(key, stored)
          const ended = await this.#take(moment, stored, reverse)
          if (ended !== undefined) return ended
          at = key
        }
        isRead = true
      }
      return this.#page.ended(null)
    } finally {
      await moment.close()
    }
  }

  /** The key of the page that has the first place of the range; undefined if no page has it. */
  async #firstPage(moment: Moment, reverse: boolean): Promise<Buffer | undefined> {
    const { after } = this.#range
    if (after === undefined && !reverse) return this.#index
    const start = after === undefined ? orderPrefix(this.#source.end) : Buffer.concat([this.#index, after])
    for (const [key] of await moment.read(start, 1, true)) if (this.#isPage(key)) return key
    return reverse ? undefined : this.#index
  }

  /** Adds the entries of a page of the index. Returns the page of the answer if that has ended. */
  async #take(moment: Moment, stored: Buffer, reverse: boolean): Promise<StorePage<K, V> | undefined> {
    const page = this.#page
    const { after, enough } = this.#range
    const [first, end] = this.#bounds
    const places = readPlaces(stored, CHECKSUM_BYTES).map((place) => Buffer.from(place, 'latin1'))
    if (reverse) places.reverse()
    for (const place of places) {
      if (after !== undefined && (reverse ? place.compare(after) >= 0 : place.compare(after) <= 0)) continue
      const key = Buffer.concat([this.#source.prefix, place.subarray(endOfEscaped(place, 0))])
      if (key.compare(first) < 0 || key.compare(end) >= 0) page.passOver(place.length)
      else {
        if (page.room === 0) return page.ended(page.order.at(-1) ?? null)
        const [found] = await moment.read(key, 1, false)
        if (found?.[0].equals(key) !== true) throw this.#source.database.damaged('a sorted entry is missing')
        this.#source.database.check(...found)
        page.add(this.#decode(...found), place, key.length + found[1].length)
      }
      if (page.isFull || enough?.() === true) return page.ended(place)
    }
    return undefined
  }

  #isPage(key: Buffer): boolean {
    return key.subarray(0, this.#index.length).equals(this.#index)
  }
}
