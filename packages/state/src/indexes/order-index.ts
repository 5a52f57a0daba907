import { ByteWriter } from '@millrace/core'
import type { KeyCodec } from '../codecs/key-codec.ts'
import { type CommitBuffer, LOCAL } from '../commit-buffer.ts'
import { CHECKSUM_BYTES, type Database } from '../database.ts'
import { SortedList } from './sorted-list.ts'

/**
 * A page that is larger is cut in two. A value that is set anywhere rewrites two pages: half of the time index's pages, as the
 * places of values come in no order.
 */
const SORTED_PAGE_BYTES = 2048
/** Pages that stay in memory after a commit: with 2 KiB each, and the objects of their places, some megabytes per store. */
const SORTED_PAGES_KEPT_MAX = 256
const LENGTH_BYTES = 4

/** The places from its bound up to that of the next page. Places are Latin-1 text: comparing them compares the bytes. */
interface OrderPage {
  readonly bound: string
  /** In order, if the page is in memory. */
  places: string[] | undefined
  bytes: number
  dirty: boolean
}

/**
 * The places of a sorted store's entries: `03 <store> 00 <bound>` → a page of places, each behind its length. A place is what
 * an entry is sorted by, then its key. The bounds of the pages are in memory, in order; their content is read by `getSync`.
 * The index is exact: a commit removes the place that an entry had, and adds the one that it has. It is derived from the
 * entries, and is not in the changelog.
 */
export class OrderIndex {
  readonly #database: Database
  readonly #prefix: Buffer
  readonly #end: Buffer
  readonly #pages = new SortedList<OrderPage>((a, b) => compareText(a.bound, b.bound))
  readonly #kept = new Set<OrderPage>()
  readonly #dropped: string[] = []
  readonly #scratch = new ByteWriter(64)

  constructor(database: Database, codec: Pick<KeyCodec<unknown>, 'prefix' | 'end'>) {
    this.#database = database
    this.#prefix = orderPrefix(codec.prefix)
    this.#end = Buffer.concat([Buffer.of(3), codec.end])
  }

  /** Adds a place; `flush` writes it. */
  add(place: string): void {
    const page = this.#pageOf(place) ?? this.#newPage('', [])
    const places = this.#placesOf(page)
    const at = indexOf(places, place)
    if (places[at] === place) return
    places.splice(at, 0, place)
    this.#touch(page, LENGTH_BYTES + place.length)
    if (page.bytes <= SORTED_PAGE_BYTES || places.length < 2) return
    const rest = places.splice(places.length >> 1)
    const bytes = sizeOf(rest)
    page.bytes -= bytes
    this.#newPage(rest[0] ?? '', rest)
  }

  /** Removes a place, if it is there. */
  remove(place: string): void {
    const page = this.#pageOf(place)
    if (page === undefined) return
    const places = this.#placesOf(page)
    const at = indexOf(places, place)
    if (places[at] !== place) return
    places.splice(at, 1)
    this.#touch(page, -LENGTH_BYTES - place.length)
    if (places.length > 0) return
    this.#pages.remove(page)
    this.#kept.delete(page)
    this.#dropped.push(page.bound)
  }

  /** The first place that is not before `place`. */
  atOrAfter(place: string): string | undefined {
    for (let page = this.#pageOf(place) ?? this.#pages.first; page !== undefined; page = this.#pages.after(page)) {
      const places = this.#placesOf(page)
      const found = places[indexOf(places, place)]
      if (found !== undefined) return found
    }
    return undefined
  }

  /** The last place that is before `place`. */
  before(place: string): string | undefined {
    for (let page = this.#pageOf(place); page !== undefined; page = this.#pages.before(page)) {
      const places = this.#placesOf(page)
      const at = indexOf(places, place)
      if (at > 0) return places[at - 1]
    }
    return undefined
  }

  /** Writes the pages that changed. */
  flush(buffer: CommitBuffer): void {
    // First, as a page of the same bound may have been made since.
    for (const bound of this.#dropped) {
      buffer.beginKey(LOCAL)
      this.#writeKey(buffer.out, bound)
      buffer.endDeletion()
    }
    this.#dropped.length = 0
    for (const page of this.#kept) {
      if (!page.dirty || page.places === undefined) continue
      page.dirty = false
      buffer.beginKey(LOCAL)
      this.#writeKey(buffer.out, page.bound)
      buffer.beginValue()
      for (const place of page.places) writePlace(buffer.out, place)
      buffer.endValue()
    }
  }

  /** The pages of the last flush are in LevelDB: only now can they leave memory. */
  applied(): void {
    for (const page of this.#kept) {
      if (this.#kept.size <= SORTED_PAGES_KEPT_MAX) return
      if (page.dirty) continue
      page.places = undefined
      this.#kept.delete(page)
    }
  }

  /** Reads which pages there are. */
  async load(): Promise<void> {
    this.#pages.clear()
    this.#kept.clear()
    this.#dropped.length = 0
    for await (const key of this.#database.level.keys({ gte: this.#prefix, lt: this.#end })) {
      const bound = key.latin1Slice(this.#prefix.length, key.length)
      this.#pages.add({ bound, places: undefined, bytes: 0, dirty: false })
    }
  }

  /** The page that has a place, if it is there. */
  #pageOf(place: string): OrderPage | undefined {
    const probe = { bound: place, places: undefined, bytes: 0, dirty: false }
    const found = this.#pages.atOrAfter(probe)
    return found?.bound === place ? found : this.#pages.before(probe)
  }

  #newPage(bound: string, places: string[]): OrderPage {
    const page = { bound, places, bytes: sizeOf(places), dirty: true }
    this.#pages.add(page)
    this.#kept.add(page)
    return page
  }

  #touch(page: OrderPage, bytes: number): void {
    page.bytes += bytes
    page.dirty = true
  }

  #placesOf(page: OrderPage): string[] {
    if (page.places !== undefined) return page.places
    const scratch = this.#scratch
    scratch.clear()
    this.#writeKey(scratch, page.bound)
    const stored = this.#database.get(scratch.buffer.subarray(0, scratch.position))
    if (stored === undefined) throw this.#database.damaged('a page of the order of a store is missing')
    page.places = readPlaces(stored, CHECKSUM_BYTES)
    page.bytes = stored.length - CHECKSUM_BYTES
    this.#kept.add(page)
    return page.places
  }

  #writeKey(out: ByteWriter, bound: string): void {
    out.bytes(this.#prefix)
    out.reserve(bound.length)
    out.position += out.buffer.latin1Write(bound, out.position)
  }
}

/** What the keys of the pages of a store's order begin with; `prefix`: what the keys of its entries begin with. */
export function orderPrefix(prefix: Buffer): Buffer {
  return Buffer.concat([Buffer.of(3), prefix])
}

/** The places of a page, from `start` on. */
export function readPlaces(bytes: Buffer, start: number): string[] {
  const places: string[] = []
  for (let at = start; at < bytes.length; ) {
    const from = at + LENGTH_BYTES
    at = from + bytes.readUInt32BE(at)
    places.push(bytes.latin1Slice(from, at))
  }
  return places
}

function writePlace(out: ByteWriter, place: string): void {
  out.reserve(LENGTH_BYTES + place.length)
  out.position = out.buffer.writeUInt32BE(place.length, out.position)
  out.position += out.buffer.latin1Write(place, out.position)
}

function sizeOf(places: readonly string[]): number {
  return places.reduce((bytes, place) => bytes + LENGTH_BYTES + place.length, 0)
}

/** The index of the first place that is not before `place`. */
function indexOf(places: readonly string[], place: string): number {
  let [low, high] = [0, places.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((places[middle] ?? '') < place) low = middle + 1
    else high = middle
  }
  return low
}

export function compareText(a: string, b: string): number {
  return a < b ? -1 : Number(a > b)
}
