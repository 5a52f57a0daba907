import { ByteWriter } from '@millrace/core'
import { readTime, TIME_BYTES, writeTime } from '@millrace/core/internal'
import type { KeyCodec } from '../codecs/key-codec.ts'
import { type CommitBuffer, LOCAL } from '../commit-buffer.ts'
import { CHECKSUM_BYTES, type Database } from '../database.ts'
import { SortedList } from './sorted-list.ts'
import { comparePlaces, type EachEntry, eachEntry, type PagePlace, TimePage } from './time-page.ts'

/** A page that reached this size is cut, or closed: a commit rewrites at most this much around each of its times. */
const PAGE_BYTES = 4096
/** Pages that stay in memory after a commit: 256 × (4 KiB and a key) is about a megabyte per store. */
const PAGES_KEPT_MAX = 256
const PART_BYTES = 4
/** After all parts of a time. */
const LAST_PART = 2 ** 32

/**
 * The entries of a store by time, whatever their keys: `01 <store> 00 <time> <part>` → a page of entries, see `TimePage`.
 *
 * LevelDB has no synchronous iterator for Node. With one index entry per key, the entries could not be visited while records
 * are processed. So the index consists of pages, which are read by `getSync`; their places are in memory. A page covers the
 * times from its own up to that of the next page: thousands of times with few entries share one page, and the entries of one
 * time fill several if they are many. In a page, entries are in the order in which they came: keys come in any order, and a
 * page that is sorted by key would be rewritten wherever they belong.
 *
 * The index may have entries that were deleted since, and one entry twice. It is derived from the entries, and is not in the
 * changelog.
 */
export class TimeIndex {
  readonly #database: Database
  readonly #prefix: Buffer
  readonly #end: Buffer
  readonly #pages = new SortedList<PagePlace | TimePage>(comparePlaces)
  /** The pages in memory, in the order in which they came there. */
  readonly #kept = new Set<TimePage>()
  readonly #dropped: TimePage[] = []
  readonly #removed = new Map<TimePage, Set<string>>()
  readonly #scratch = new ByteWriter(64)
  /** Entries mostly come in order of time: the answer of the last call is mostly that of the next one. */
  #lastRead = Number.NaN
  #lastAnswer = false
  /** The page that took the last entry, while it has room. */
  #lastAdded: TimePage | undefined
  #lastAddedTime = Number.NaN

  constructor(database: Database, codec: Pick<KeyCodec<unknown>, 'prefix' | 'end'>) {
    this.#database = database
    this.#prefix = Buffer.concat([Buffer.of(1), codec.prefix])
    this.#end = Buffer.concat([Buffer.of(1), codec.end])
  }

  /** Whether there may be entries of a time. */
  has(time: number): boolean {
    if (time !== this.#lastRead) {
      this.#lastAnswer = this.#mayHave(time)
      this.#lastRead = time
    }
    return this.#lastAnswer
  }

  /** The first time at or after `from` that may have entries. */
  firstTime(from: number): number | undefined {
    for (let page = this.#firstPage(from); page !== undefined; page = this.#pageAfter(page)) {
      const { min, max } = this.#measured(page)
      if (min >= from) return min
      if (max < from) continue
      let first = max
      this.#visit(page, (time) => {
        if (time >= from && time < first) first = time
      })
      return first
    }
    return undefined
  }

  /** The last time before `before` that may have entries. */
  lastTime(before: number): number | undefined {
    for (let page = this.#pageBefore(before); page !== undefined; page = this.#pageBefore(page.time, page.part)) {
      const { min, max } = this.#measured(page)
      if (max < before) return max
      if (min >= before) continue
      let last = min
      this.#visit(page, (time) => {
        if (time < before && time > last) last = time
      })
      return last
    }
    return undefined
  }

  /** Adds an entry; `flush` writes it. */
  add(time: number, bytes: Buffer, start: number, end: number): void {
    this.#applyRemovals()
    this.#lastRead = Number.NaN
    const last = this.#lastAdded
    const page = time === this.#lastAddedTime && last !== undefined ? last : this.#openPage(time)
    const isLast = page.max === undefined || time >= page.max
    page.append(time, bytes, start, end)
    this.#lastAdded = page
    this.#lastAddedTime = time
    if (sizeOf(page) < PAGE_BYTES) return
    this.#lastAdded = undefined
    this.#cut(page, isLast)
  }

  /**
   * Removes an entry that was added, unless its time has so many that they fill several pages: it then stays until the time
   * expires. Returns whether it is removed. `bytes` is Latin-1 text.
   */
  remove(time: number, bytes: string): boolean {
    const page = this.#pageOf(time)
    if (page === undefined || (page.time === time && page.part > 0)) return false
    const removed = this.#removed.get(page)
    if (removed === undefined) this.#removed.set(page, new Set([entryId(time, bytes)]))
    else removed.add(entryId(time, bytes))
    return true
  }

  /**
   * Calls `each` with every entry of one page that may have entries of a time; undefined if there are no more pages. An entry
   * may come twice, and a deleted entry may come. `after` is what the call before returned.
   */
  readPage(time: number, after: PagePlace | undefined, each: EachEntry): PagePlace | undefined {
    const page = after === undefined ? this.#firstPage(time) : this.#pageAfter(after)
    if (page === undefined || page.time > time) return undefined
    this.#visit(page, (at, bytes, start, end) => {
      if (at === time) each(at, bytes, start, end)
    })
    return page
  }

  /**
   * Drops the entries before a time, of one page: calls `each` with them, and returns true; false if there are none. An entry
   * may come twice, and a deleted entry may come.
   */
  expire(before: number, each: EachEntry): boolean {
    const page = this.#firstPage(Number.NEGATIVE_INFINITY)
    if (page === undefined || this.#measured(page).min >= before) return false
    this.#rewrite(page, (time, bytes, start, end) => {
      if (time >= before) return true
      each(time, bytes, start, end)
      return false
    })
    return true
  }

  /** Writes what was added, and deletes what was dropped. */
  flush(buffer: CommitBuffer): void {
    this.#applyRemovals()
    this.#lastAdded = undefined
    // First, as a page of the same place may have been made since.
    for (const page of this.#dropped) {
      buffer.beginKey(LOCAL)
      this.#writeKey(buffer.out, page)
      buffer.endDeletion()
    }
    this.#dropped.length = 0
    for (const page of this.#kept) {
      if (!page.dirty || page.content === undefined) continue
      page.dirty = false
      buffer.beginKey(LOCAL)
      this.#writeKey(buffer.out, page)
      buffer.beginValue()
      buffer.out.bytes(page.content.buffer, 0, page.content.position)
      buffer.endValue()
    }
  }

  /** The pages of the last flush are in LevelDB: only now can they leave memory. */
  applied(): void {
    for (const page of this.#kept) {
      if (page.dirty || (sizeOf(page) < PAGE_BYTES && this.#kept.size <= PAGES_KEPT_MAX)) continue
      page.content = undefined
      this.#kept.delete(page)
    }
  }

  /** Reads which pages there are. */
  async load(): Promise<void> {
    this.#lastRead = Number.NaN
    this.#lastAdded = undefined
    this.#pages.clear()
    this.#kept.clear()
    this.#removed.clear()
    this.#dropped.length = 0
    const { length } = this.#prefix
    for await (const key of this.#database.level.keys({ gte: this.#prefix, lt: this.#end })) {
      if (key.length !== length + TIME_BYTES + PART_BYTES)
        throw this.#database.damaged('a key of the time index is malformed')
      this.#pages.add(new TimePage(readTime(key, length), key.readUInt32BE(length + TIME_BYTES)))
    }
  }

  #mayHave(time: number): boolean {
    const page = this.#pageOf(time)
    if (page === undefined) return false
    if (page.time === time) return true
    const { min, max } = this.#measured(page)
    return min <= time && time <= max
  }

  /** The one page that takes new entries of a time, in memory. */
  #openPage(time: number): TimePage {
    const found = this.#pageOf(time)
    if (found === undefined) return this.#newPage(Number.MIN_SAFE_INTEGER, 0)
    this.#keep(found)
    const { min, max } = found
    if (sizeOf(found) >= PAGE_BYTES && min === time && max === time) {
      return this.#newPage(time, found.time === time ? found.part + 1 : 1)
    }
    found.dirty = true
    return found
  }

  /** Cuts a page that is full in two by time. A page whose entries all have the same time stays, and is closed. */
  #cut(page: TimePage, isLast: boolean): void {
    const { min, max } = page
    if (min === undefined || max === undefined || min === max) return
    // Entries mostly come in order of time. Then all but the last time stays, and pages become full.
    const from = isLast ? max : this.#middleTime(page, min)
    const other = this.#newPage(from, 0)
    this.#rewrite(page, (time, bytes, start, end) => {
      if (time < from) return true
      other.append(time, bytes, start, end)
      return false
    })
  }

  /** A time at which about half of the entries are earlier, and some are. */
  #middleTime(page: TimePage, min: number): number {
    const times: number[] = []
    this.#visit(page, (time) => times.push(time))
    times.sort((a, b) => a - b)
    const middle = times[times.length >> 1] ?? min
    return middle > min ? middle : (times.find((time) => time > min) ?? min)
  }

  /** Keeps the entries for which `keeps` returns true; drops the page if there are none. */
  #rewrite(page: TimePage, keeps: (time: number, bytes: Buffer, start: number, end: number) => boolean): void {
    this.#lastRead = Number.NaN
    this.#lastAdded = undefined
    this.#keep(page)
    const old = page.content
    const content = page.clear()
    page.dirty = true
    if (old !== undefined) {
      eachEntry(old.buffer, 0, old.position, (time, bytes, start, end) => {
        if (keeps(time, bytes, start, end)) page.append(time, bytes, start, end)
      })
    }
    if (content.position > 0) return
    this.#pages.remove(page)
    this.#kept.delete(page)
    this.#removed.delete(page)
    this.#dropped.push(page)
  }

  #applyRemovals(): void {
    if (this.#removed.size === 0) return
    const removals = [...this.#removed]
    this.#removed.clear()
    for (const [page, ids] of removals) {
      this.#rewrite(page, (time, bytes, start, end) => !ids.has(entryId(time, bytes.latin1Slice(start, end))))
    }
  }

  #newPage(time: number, part: number): TimePage {
    const page = new TimePage(time, part)
    page.clear()
    page.dirty = true
    if (!this.#pages.add(page)) throw new Error(`The time index has two pages ${part} of ${time}`)
    this.#kept.add(page)
    return page
  }

  /** The last page that may have entries of a time: those of other pages are at the time itself. */
  #pageOf(time: number): TimePage | undefined {
    return this.#found(this.#pages.before({ time, part: LAST_PART }))
  }

  /** The first page that may have entries at or after a time. */
  #firstPage(time: number): TimePage | undefined {
    return this.#found(this.#pages.before({ time, part: 0 }) ?? this.#pages.first)
  }

  #pageBefore(time: number, part = 0): TimePage | undefined {
    return this.#found(this.#pages.before({ time, part }))
  }

  #pageAfter({ time, part }: PagePlace): TimePage | undefined {
    return this.#found(this.#pages.atOrAfter({ time, part: part + 1 }))
  }

  /** Only pages are in the list; places are compared with them. */
  #found(page: PagePlace | undefined): TimePage | undefined {
    return page instanceof TimePage ? page : undefined
  }

  #measured(page: TimePage): { readonly min: number; readonly max: number } {
    if (page.min === undefined) this.#keep(page)
    const { min, max } = page
    if (min === undefined || max === undefined) throw this.#damagedPage(page, 'is empty')
    return { min, max }
  }

  #visit(page: TimePage, each: EachEntry): void {
    const { content } = page
    if (content !== undefined) {
      eachEntry(content.buffer, 0, content.position, each)
      return
    }
    const stored = this.#read(page)
    eachEntry(stored, CHECKSUM_BYTES, stored.length, each)
  }

  /** Brings a page into memory. */
  #keep(page: TimePage): void {
    if (page.content === undefined) page.fill(this.#read(page), CHECKSUM_BYTES)
    this.#kept.add(page)
  }

  #read(page: TimePage): Buffer {
    const scratch = this.#scratch
    scratch.clear()
    this.#writeKey(scratch, page)
    const stored = this.#database.get(scratch.buffer.subarray(0, scratch.position))
    if (stored === undefined) throw this.#damagedPage(page, 'is missing')
    return stored
  }

  #damagedPage({ time, part }: PagePlace, what: string): Error {
    return this.#database.damaged(`page ${part} of time ${time} of an index ${what}`)
  }

  #writeKey(out: ByteWriter, { time, part }: PagePlace): void {
    out.bytes(this.#prefix)
    writeTime(out, time)
    out.reserve(PART_BYTES)
    out.position = out.buffer.writeUInt32BE(part, out.position)
  }
}

function sizeOf({ content }: TimePage): number {
  return content?.position ?? 0
}

function entryId(time: number, bytes: string): string {
  return `${time} ${bytes}`
}
