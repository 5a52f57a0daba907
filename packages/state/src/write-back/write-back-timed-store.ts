import { ByteWriter } from '@millrace/core'
import { type Entry, type InstantStore, type IntervalStore, type TimeScan, writeTime } from '@millrace/core/internal'
import type { ChangelogRun } from '../changelog/changelog-run.ts'
import type { KeyCodec } from '../codecs/key-codec.ts'
import type { TypedStore } from '../codecs/store-serdes.ts'
import { ValueCodec } from '../codecs/value-codec.ts'
import type { CommitBuffer } from '../commit-buffer.ts'
import { CHECKSUM_BYTES, type Database } from '../database.ts'
import { KeyTimes } from '../indexes/key-times.ts'
import { SortedList } from '../indexes/sorted-list.ts'
import { TimeIndex } from '../indexes/time-index.ts'
import type { EachEntry, PagePlace } from '../indexes/time-page.ts'
import { type EntryPlace, INDEX_KEY_AT, TimedOrder } from '../indexes/timed-order.ts'
import { EmptiedChanges } from './emptied-changes.ts'
import { GroupedScan } from './time-scan.ts'
import { WriteBackEntry } from './write-back-entry.ts'
import type { WriteBackStore } from './write-back-store.ts'

/** Entries in memory that one step of an expiry deletes: takes about 0.1 ms. */
const ENTRIES_PER_STEP = 256

/** An entry of a store by interval or instant, as the layer holds it. */
class TimedWriteBackEntry<K, V> extends WriteBackEntry<K, V> implements EntryPlace {
  /** The escaped key, as Latin-1 text. */
  readonly keyId: string
  /** The times of its key have its place, in memory at least. */
  placed: boolean

  constructor(key: K, keyId: string, start: number, end: number, value: V | undefined, time: number) {
    super(key, start, end, value, time)
    this.keyId = keyId
    this.placed = this.stored
  }
}

/** A store by key and interval, or by key and instant: decoded values over LevelDB. */
export class WriteBackTimedStore<K, V> implements IntervalStore<K, V>, InstantStore<K, V>, WriteBackStore {
  readonly changes = new EmptiedChanges<K, V, TimedWriteBackEntry<K, V>>((entry) => this.#forget(entry))
  readonly #database: Database
  readonly #codec: KeyCodec<K>
  readonly #values: ValueCodec<V>
  readonly #order: TimedOrder
  readonly #index: TimeIndex
  readonly #times: KeyTimes
  /** By start, end and the escaped key, as Latin-1 text. */
  readonly #entries = new Map<string, TimedWriteBackEntry<K, V>>()
  /** The same entries in the order of time. */
  readonly #inOrder: SortedList<EntryPlace>
  /** Entries whose place was added since the last freeze. */
  readonly #placed: TimedWriteBackEntry<K, V>[] = []
  readonly #scratch = new ByteWriter()
  /** All entries in memory up to this place have expired. */
  #expiredUpTo: EntryPlace

  constructor(database: Database, codec: KeyCodec<K>, serdes: TypedStore<K, V>) {
    this.#database = database
    this.#codec = codec
    this.#values = new ValueCodec(serdes)
    const byEnd = serdes.shape.kind === 'interval'
    this.#order = new TimedOrder(byEnd)
    this.#index = new TimeIndex(database, codec)
    this.#times = new KeyTimes(database, codec, byEnd ? (_, end) => end - 1 : (start) => start)
    this.#inOrder = new SortedList((a, b) => this.#order.compare(a, b))
    this.#expiredUpTo = this.#order.placeAt(Number.NEGATIVE_INFINITY)
  }

  get size(): number {
    return this.#entries.size + this.#times.size
  }

  find(key: K, start: number, end: number): TimedWriteBackEntry<K, V> {
    if (this.#order.byEnd && !(start < end))
      throw new RangeError(`An interval ends after it starts: ${start} to ${end} does not`)
    return this.#entryOf(key, this.#keyIdOf(key), start, end)
  }

  set(entry: Entry<K, V>, value: V | undefined, time = 0): void {
    const cached = timedEntryOf(entry)
    this.changes.change(cached, value, time)
    if (value !== undefined) this.#place(cached)
  }

  *ofKey(
    key: K,
    from = Number.NEGATIVE_INFINITY,
    to = Number.POSITIVE_INFINITY,
    reverse = false,
  ): Generator<TimedWriteBackEntry<K, V>, void> {
    const keyId = this.#keyIdOf(key)
    const places = this.#times.between(keyId, from, to)
    for (let at = 0; at < places.length; at += 2) {
      const place = reverse ? places.length - 2 - at : at
      const entry = this.#entryOf(key, keyId, places[place] ?? 0, places[place + 1] ?? 0)
      if (entry.value !== undefined) yield entry
    }
  }

  firstTime(from: number): number | undefined {
    const stored = this.#index.firstTime(from)
    const place = this.#inOrder.atOrAfter(this.#order.placeAt(from))
    const cached = place && this.#order.timeOf(place)
    return stored === undefined || (cached !== undefined && cached < stored) ? cached : stored
  }

  lastTime(before: number): number | undefined {
    const stored = this.#index.lastTime(before)
    const place = this.#inOrder.before(this.#order.placeAt(before))
    const cached = place && this.#order.timeOf(place)
    return stored === undefined || (cached !== undefined && cached > stored) ? cached : stored
  }

  scan(time: number, after?: string): TimeScan<TimedWriteBackEntry<K, V>> {
    let page: PagePlace | undefined
    const nextPage = (each: (id: string) => void) => {
      page = this.#index.readPage(time, page, (_, bytes, from, to) => each(bytes.latin1Slice(from, to)))
      return page !== undefined
    }
    return new GroupedScan(
      { time, keyAt: INDEX_KEY_AT, cached: this.#cachedIds(time), nextPage, read: (id) => this.#scanned(time, id) },
      after,
    )
  }

  expire(before: number): boolean {
    let place = this.#inOrder.after(this.#expiredUpTo)
    // Memory comes first: a commit between two steps may move entries from memory to the pages, and never back.
    if (place === undefined || this.#order.timeOf(place) >= before)
      return this.#index.expire(before, this.#expireStored)
    for (let count = 0; count < ENTRIES_PER_STEP; count++) {
      if (place === undefined || this.#order.timeOf(place) >= before) return true
      this.#expiredUpTo = place
      if (place instanceof TimedWriteBackEntry && place.value !== undefined) this.set(place, undefined)
      place = this.#inOrder.after(place)
    }
    return true
  }

  evict(sizeMax: number): void {
    this.#evictExpired()
    if (this.size <= sizeMax) return
    this.#times.evict()
    // Two rounds: the first keeps every entry that was used since the last eviction, and clears its mark.
    for (let round = 0; round < 2; round++) {
      for (const [id, entry] of this.#entries) {
        if (this.size <= sizeMax) return
        if (entry.used) entry.used = false
        else if (!entry.dirty) this.#drop(id, entry)
      }
    }
  }

  encode(buffer: CommitBuffer, owner: number, run: ChangelogRun): void {
    this.changes.encode(buffer, owner, run, this.#values, ({ key, start, end }) =>
      this.#codec.writeTimed(buffer.out, key, start, end),
    )
  }

  settle(buffer: CommitBuffer): void {
    this.changes.settle()
    for (const entry of this.changes.entries) {
      if (entry.stored) continue
      this.#removePlace(entry)
      if (entry.indexed && this.#index.remove(this.#order.timeOf(entry), this.#order.indexIdOf(entry)))
        entry.indexed = false
    }
    // A change that was taken back leaves a place without an entry.
    for (const entry of this.#placed) if (!entry.stored) this.#removePlace(entry)
    for (const entry of this.changes.entries) {
      if (!entry.stored || entry.indexed) continue
      const id = this.#order.indexIdOf(entry)
      this.#index.add(this.#order.timeOf(entry), Buffer.from(id, 'latin1'), 0, id.length)
      entry.indexed = true
    }
    this.changes.clear()
    this.#placed.length = 0
    this.#index.flush(buffer)
    this.#times.flush(buffer)
  }

  restored(bytes: Buffer, start: number, end: number, valueStart: number): void {
    const place = {
      keyId: bytes.latin1Slice(start + this.#codec.prefix.length, this.#codec.orderedEnd(end)),
      start: this.#codec.startIn(bytes, end),
      end: this.#codec.endIn(bytes, end),
    }
    const time = this.#order.timeOf(place)
    const stored = this.#index.has(time) && this.#database.get(bytes.subarray(start, end)) !== undefined
    // The indexes have the entry already if an earlier run, or the state before, had it.
    if (stored === valueStart >= 0) return
    const id = this.#order.indexIdOf(place)
    if (stored) {
      this.#index.remove(time, id)
      this.#times.remove(place.keyId, place.start, place.end)
    } else {
      this.#index.add(time, Buffer.from(id, 'latin1'), 0, id.length)
      this.#times.add(place.keyId, place.start, place.end)
    }
  }

  settleRestored(buffer: CommitBuffer): void {
    this.#index.flush(buffer)
    this.#times.flush(buffer)
  }

  applied(): void {
    this.#index.applied()
  }

  forget(): void {
    this.#entries.clear()
    this.#inOrder.clear()
    this.#times.clear()
    this.changes.clear()
    this.#placed.length = 0
    this.#expiredUpTo = this.#order.placeAt(Number.NEGATIVE_INFINITY)
  }

  async load(): Promise<void> {
    this.forget()
    await this.#index.load()
  }

  #entryOf(key: K, keyId: string, start: number, end: number): TimedWriteBackEntry<K, V> {
    const id = this.#idOf(keyId, start, end)
    const found = this.#entries.get(id)
    if (found !== undefined) {
      found.used = true
      return found
    }
    const entry = this.#read(key, keyId, start, end)
    this.#keep(id, entry)
    return entry
  }

  /** The entry as LevelDB has it; without a value if it has none. */
  #read(key: K, keyId: string, start: number, end: number): TimedWriteBackEntry<K, V> {
    const scratch = this.#scratch
    scratch.clear()
    this.#codec.writeTimed(scratch, key, start, end)
    // If the index does not have the time, LevelDB has nothing of it: the first look at most entries costs no read.
    const isThere = this.#index.has(this.#order.byEnd ? end : start)
    const stored = isThere ? this.#database.get(scratch.buffer.subarray(0, scratch.position)) : undefined
    if (stored === undefined) return new TimedWriteBackEntry<K, V>(key, keyId, start, end, undefined, 0)
    const value = this.#values.read(stored, CHECKSUM_BYTES, stored.length)
    return new TimedWriteBackEntry(key, keyId, start, end, value, this.#values.readTime(stored, CHECKSUM_BYTES))
  }

  #keep(id: string, entry: TimedWriteBackEntry<K, V>): void {
    this.#entries.set(id, entry)
    this.#inOrder.add(entry)
  }

  #drop(id: string, entry: TimedWriteBackEntry<K, V>): void {
    this.#entries.delete(id)
    this.#inOrder.remove(entry)
  }

  /** Makes an entry that gets a value visible to those who look for it by time. */
  #place(entry: TimedWriteBackEntry<K, V>): void {
    // It may have expired before: the next expiry finds it again.
    if (this.#order.compare(entry, this.#expiredUpTo) <= 0)
      this.#expiredUpTo = this.#order.placeAt(this.#order.timeOf(entry))
    if (entry.placed) return
    this.#inOrder.add(entry)
    this.#times.add(entry.keyId, entry.start, entry.end)
    entry.placed = true
    this.#placed.push(entry)
  }

  /**
   * Those who look for entries do not come by this one any more: a session that grows makes and deletes one with each record.
   * Who finds it by its key and times still gets the same object.
   */
  #forget(entry: TimedWriteBackEntry<K, V>): void {
    this.#removePlace(entry)
    this.#inOrder.remove(entry)
  }

  #removePlace(entry: TimedWriteBackEntry<K, V>): void {
    if (!entry.placed) return
    this.#times.remove(entry.keyId, entry.start, entry.end)
    entry.placed = false
  }

  /** The entry of an id of the index, to be read; undefined if it has no value. */
  #scanned(time: number, indexId: string): TimedWriteBackEntry<K, V> | undefined {
    const place = this.#order.placeOf(time, indexId)
    const cached = this.#entries.get(this.#idOf(place.keyId, place.start, place.end))
    const entry = cached ?? this.#read(this.#keyOf(place.keyId), place.keyId, place.start, place.end)
    return entry.value === undefined ? undefined : entry
  }

  readonly #expireStored: EachEntry = (time, bytes, from, to) => {
    const { keyId, start, end } = this.#order.placeOf(time, bytes.latin1Slice(from, to))
    const id = this.#idOf(keyId, start, end)
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      // A read to check whether the entry still exists is not worth its cost: one deletion too many is harmless.
      entry = new TimedWriteBackEntry<K, V>(this.#keyOf(keyId), keyId, start, end, undefined, 0)
      entry.stored = true
      entry.placed = true
      this.#keep(id, entry)
    }
    entry.indexed = false
    this.set(entry, undefined)
  }

  #evictExpired(): void {
    let place = this.#inOrder.first
    while (place instanceof TimedWriteBackEntry && this.#order.compare(place, this.#expiredUpTo) <= 0) {
      const next = this.#inOrder.after(place)
      if (!place.dirty) this.#drop(this.#idOf(place.keyId, place.start, place.end), place)
      place = next
    }
  }

  *#cachedIds(time: number): Generator<string, void> {
    let place = this.#inOrder.atOrAfter(this.#order.placeAt(time))
    while (place !== undefined && this.#order.timeOf(place) === time) {
      yield this.#order.indexIdOf(place)
      place = this.#inOrder.after(place)
    }
  }

  #idOf(keyId: string, start: number, end: number): string {
    const scratch = this.#scratch
    scratch.clear()
    writeTime(scratch, start)
    writeTime(scratch, end)
    return scratch.buffer.latin1Slice(0, scratch.position) + keyId
  }

  #keyIdOf(key: K): string {
    const scratch = this.#scratch
    scratch.clear()
    this.#codec.writeOrdered(scratch, key)
    return scratch.buffer.latin1Slice(0, scratch.position)
  }

  #keyOf(keyId: string): K {
    const bytes = Buffer.from(keyId, 'latin1')
    return this.#codec.readOrdered(bytes, 0, bytes.length)
  }
}

/** Casts the contract's type to the entry behind it. Only stores make entries. */
function timedEntryOf<K, V>(entry: Entry<K, V>): TimedWriteBackEntry<K, V> {
  if (entry instanceof TimedWriteBackEntry) return entry
  throw new TypeError('This entry was not made by a store of this shape')
}
