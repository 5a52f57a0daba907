import { ByteWriter } from '@millrace/core'
import {
  readTime,
  type StoredEntry,
  type StorePage,
  type StoreRange,
  type StoreShape,
  TIME_BYTES,
  writeTime,
} from '@millrace/core/internal'
import { BOUND_MAX } from '../codecs/key-codec.ts'
import { isTimed } from '../codecs/store-serdes.ts'
import { CHECKSUM_BYTES, type Database } from '../database.ts'
import { eachEntry, type PagePlace } from '../indexes/time-page.ts'
import { Moment } from './moment.ts'
import type { PageUnderWay } from './page-under-way.ts'

/** Pages of the index that are read at once: 32 KiB, a few thousand entries. */
const PAGES_READ = 8
/** Places that are kept of a time that has very many: the page ends behind them. A query's page has 1000 entries at most. */
const PLACES_KEPT_MAX = 4000
const PART_BYTES = 4
const PAGE_PLACE_BYTES = TIME_BYTES + PART_BYTES
const KEY_END = Buffer.of(0, 1)

export interface TimedSource {
  readonly database: Database
  /** The prefix of the store's keys. */
  readonly prefix: Buffer
  readonly shape: StoreShape
}

/**
 * A range by time over all keys. Its order is `<time> <the other time> <escaped key>`. It reads the pages of the time index,
 * which have the entries of a time in any order: so it knows the next entries of a time once it has read all pages of it.
 */
export class RangeByTime<K> {
  readonly #source: TimedSource
  readonly #range: StoreRange<K>
  readonly #reverse: boolean
  readonly #bounds: readonly [Buffer, Buffer]
  readonly #index: Buffer
  readonly #from: number
  readonly #to: number
  #places: Buffer[] = []
  /** Of a time that has very many entries, those behind this place were not kept. */
  #cutAt: Buffer | undefined

  /** `bounds`: of the stored keys that can be wanted, the first, and the first one after them. */
  constructor(source: TimedSource, range: StoreRange<K>, bounds: readonly [Buffer, Buffer]) {
    if (!isTimed(source.shape)) throw new RangeError('A store by key alone has no order by time')
    const { windowFrom = -BOUND_MAX, windowTo = BOUND_MAX, after, reverse } = range
    this.#source = source
    this.#range = range
    this.#reverse = reverse === true
    this.#bounds = bounds
    this.#index = Buffer.concat([Buffer.of(1), source.prefix])
    const reached = after === undefined ? undefined : readTime(after, 0)
    this.#from = Math.max(-BOUND_MAX, Math.ceil(windowFrom), this.#reverse ? -BOUND_MAX : (reached ?? -BOUND_MAX))
    this.#to = Math.min(
      BOUND_MAX,
      Math.ceil(windowTo),
      this.#reverse && reached !== undefined ? reached + 1 : BOUND_MAX,
    )
  }

  async into<V>(
    page: PageUnderWay<K, V>,
    decode: (key: Buffer, stored: Buffer) => StoredEntry<K, V>,
  ): Promise<StorePage<K, V>> {
    if (this.#from >= this.#to) return page.ended(null)
    const moment = await Moment.open(this.#source.database)
    try {
      let at: Buffer | undefined = await this.#firstPageKey(moment)
      while (at !== undefined) {
        const read = await moment.read(at, PAGES_READ, this.#reverse)
        at = undefined
        for (const [key, stored] of read) {
          const place = this.#placeOf(key)
          if (place === undefined || (!this.#reverse && place.time >= this.#to)) {
            at = undefined
            break
          }
          this.#source.database.check(key, stored)
          const done = this.#reverse ? undefined : await this.#take(moment, place, page, decode)
          if (done !== undefined) return done
          this.#gather(stored)
          const ended = this.#reverse ? await this.#take(moment, place, page, decode) : undefined
          if (ended !== undefined) return ended
          at = this.#reverse && place.time < this.#from ? undefined : this.#pageKey(place, this.#reverse ? -1 : 1)
          if (at === undefined) break
        }
      }
      return (await this.#take(moment, undefined, page, decode)) ?? page.ended(null)
    } finally {
      await moment.close()
    }
  }

  /** The first page that may have entries of the range. */
  async #firstPageKey(moment: Moment): Promise<Buffer> {
    if (this.#reverse) return this.#pageKey({ time: this.#to, part: 0 }, -1)
    const key = this.#pageKey({ time: this.#from, part: 0 }, 0)
    for (const [before] of await moment.read(key, 2, true)) {
      if (!before.equals(key) && this.#placeOf(before) !== undefined) return before
    }
    return key
  }

  /** Notes the places of a page's entries that are in the range. */
  #gather(stored: Buffer): void {
    const { after } = this.#range
    const [from, to] = this.#bounds
    eachEntry(stored, CHECKSUM_BYTES, stored.length, (time, bytes, start, end) => {
      if (time < this.#from || time >= this.#to) return
      const place = this.#orderOf(time, bytes, start, end)
      if (after !== undefined && this.#compare(place, after) <= 0) return
      if (this.#cutAt !== undefined && this.#compare(place, this.#cutAt) > 0) return
      const key = this.#keyOf(place)
      if (key.compare(from) >= 0 && key.compare(to) < 0) this.#places.push(place)
    })
    if (this.#places.length <= 2 * PLACES_KEPT_MAX) return
    this.#places.sort((a, b) => this.#compare(a, b))
    this.#places.length = PLACES_KEPT_MAX
    this.#cutAt = this.#places.at(-1)
  }

  /**
   * Adds the entries whose times are complete: `next` is the page that comes next, or in reverse the page that was read last;
   * undefined if there are no more. Returns the page if it has ended.
   */
  async #take<V>(
    moment: Moment,
    next: PagePlace | undefined,
    page: PageUnderWay<K, V>,
    decode: (key: Buffer, stored: Buffer) => StoredEntry<K, V>,
  ): Promise<StorePage<K, V> | undefined> {
    const isComplete = (place: Buffer) => next === undefined || this.#isBefore(readTime(place, 0), next)
    if (!this.#places.some(isComplete)) return undefined
    const places = this.#places.sort((a, b) => this.#compare(a, b))
    const count = places.findIndex((place) => !isComplete(place))
    this.#places = count < 0 ? [] : places.slice(count)
    let before: Buffer | undefined
    for (const place of count < 0 ? places : places.slice(0, count)) {
      // The index may have an entry twice.
      if (before?.equals(place) === true) continue
      const key = this.#keyOf(place)
      const [found] = await moment.read(key, 1, false)
      if (found === undefined || !found[0].equals(key)) page.passOver(key.length)
      else {
        const [, stored] = found
        this.#source.database.check(key, stored)
        if (page.room === 0) return page.ended(page.order.at(-1) ?? null)
        page.add(decode(key, stored), place, key.length + stored.length)
      }
      before = place
      if (page.isFull || this.#range.enough?.() === true) return page.ended(place)
    }
    return this.#cutAt === undefined || this.#places.length > 0 ? undefined : page.ended(this.#cutAt)
  }

  /** Whether no entry of a time can come from what is read after a page. */
  #isBefore(time: number, { time: pageTime, part }: PagePlace): boolean {
    if (!this.#reverse) return time < pageTime
    return time > pageTime || (time === pageTime && part === 0)
  }

  #compare(a: Buffer, b: Buffer): number {
    return this.#reverse ? b.compare(a) : a.compare(b)
  }

  /** The place of an entry of the index in the order. */
  #orderOf(time: number, bytes: Buffer, start: number, end: number): Buffer {
    const { shape } = this.#source
    const out = new ByteWriter(2 * TIME_BYTES + end - start)
    writeTime(out, time)
    // In a store by window the end is not in the index: the windows' size determines it.
    if (shape.kind === 'window') writeTime(out, time + shape.sizeMs)
    out.bytes(bytes, start, end)
    return out.buffer.subarray(0, out.position)
  }

  /** The stored key of the entry that has a place. */
  #keyOf(place: Buffer): Buffer {
    const time = place.subarray(0, TIME_BYTES)
    const other = place.subarray(TIME_BYTES, 2 * TIME_BYTES)
    const { prefix, shape } = this.#source
    const times = shape.kind === 'interval' ? [other, time] : [time, other]
    return Buffer.concat([prefix, place.subarray(2 * TIME_BYTES), KEY_END, ...times])
  }

  /** The place of a page of the store's index; undefined for another key. */
  #placeOf(key: Buffer): PagePlace | undefined {
    const { length } = this.#index
    if (key.length !== length + PAGE_PLACE_BYTES || key.compare(this.#index, 0, length, 0, length) !== 0)
      return undefined
    return { time: readTime(key, length), part: key.readUInt32BE(length + TIME_BYTES) }
  }

  /** The key of a page, or the key just before or after it. */
  #pageKey({ time, part }: PagePlace, by: -1 | 0 | 1): Buffer {
    const out = new ByteWriter(this.#index.length + PAGE_PLACE_BYTES + 1)
    out.bytes(this.#index)
    writeTime(out, time)
    out.reserve(PART_BYTES + 1)
    out.position = out.buffer.writeUInt32BE(part, out.position)
    if (by === 1) out.buffer[out.position++] = 0
    return by === -1 ? justBefore(out.toBytes()) : out.toBytes()
  }
}

/** A key that is before `key`, and after all shorter ones that are before it. */
function justBefore(key: Buffer): Buffer {
  const before = Buffer.concat([key, Buffer.of(0xff)])
  for (let at = key.length - 1; at >= 0; at--) {
    const byte = before[at] ?? 0
    before[at] = (byte + 0xff) % 0x100
    if (byte > 0) break
  }
  return before
}
