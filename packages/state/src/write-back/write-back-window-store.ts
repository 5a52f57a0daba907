import { ByteWriter } from '@millrace/core'
import type { Entry, TimeScan, WindowEntry, WindowStore } from '@millrace/core/internal'
import type { ChangelogRun } from '../changelog/changelog-run.ts'
import type { KeyCodec } from '../codecs/key-codec.ts'
import type { TypedStore } from '../codecs/store-serdes.ts'
import { ValueCodec } from '../codecs/value-codec.ts'
import type { CommitBuffer } from '../commit-buffer.ts'
import type { Database } from '../database.ts'
import { SortedList } from '../indexes/sorted-list.ts'
import { TimeIndex } from '../indexes/time-index.ts'
import type { EachEntry, PagePlace } from '../indexes/time-page.ts'
import { Changes } from './changes.ts'
import { GroupedScan } from './time-scan.ts'
import { WriteBackEntry, writeBackEntry, writeBackEntryOf } from './write-back-entry.ts'
import type { WriteBackStore } from './write-back-store.ts'

/** Entries in memory that one step of an expiry deletes: takes about 0.1 ms. */
const ENTRIES_PER_STEP = 256

type CachedWindow<K, V> = Map<K | string, WriteBackEntry<K, V>>

/** A windowed store: decoded values over LevelDB, by window start, then by key. */
export class WriteBackWindowStore<K, V> implements WindowStore<K, V>, WriteBackStore {
  readonly changes = new Changes<K, V>()
  readonly #index: TimeIndex
  readonly #database: Database
  readonly #codec: KeyCodec<K>
  readonly #values: ValueCodec<V>
  readonly #primitive: boolean
  readonly #sizeMs: number
  readonly #windows = new Map<number, CachedWindow<K, V>>()
  /** The starts of the windows in memory. */
  readonly #starts = new SortedList<number>((a, b) => a - b)
  readonly #scratch = new ByteWriter()
  /** Records mostly come in order of time: the next call mostly uses the window of the last call. */
  #lastStart = Number.NaN
  #last: CachedWindow<K, V> = new Map()
  #size = 0
  /** All windows that start before this have expired. */
  #expiredBefore = Number.NEGATIVE_INFINITY
  /** The window whose entries in memory are being deleted. */
  #expiring: { readonly start: number; readonly cached: Iterator<WriteBackEntry<K, V>> } | undefined

  constructor(database: Database, codec: KeyCodec<K>, serdes: TypedStore<K, V>, sizeMs: number) {
    this.#database = database
    this.#codec = codec
    this.#values = new ValueCodec(serdes)
    this.#primitive = serdes.key.primitive
    this.#sizeMs = sizeMs
    this.#index = new TimeIndex(database, codec)
  }

  get size(): number {
    return this.#size
  }

  find(key: K, windowStart: number): WindowEntry<K, V> {
    const id = this.#primitive ? key : this.#idOf(key)
    const window = windowStart === this.#lastStart ? this.#last : this.#windowOf(windowStart)
    const entry = window.get(id)
    if (entry === undefined) return this.#load(window, id, key, windowStart)
    return entry
  }

  set(entry: Entry<K, V>, value: V | undefined, time = 0): void {
    const cached = writeBackEntryOf(entry)
    this.changes.change(cached, value, time)
    // A window may come back: the next expiry finds it again.
    if (cached.start < this.#expiredBefore && value !== undefined) this.#expiredBefore = cached.start
  }

  firstTime(from: number): number | undefined {
    const stored = this.#index.firstTime(from)
    const cached = this.#starts.atOrAfter(from)
    return stored === undefined || (cached !== undefined && cached < stored) ? cached : stored
  }

  lastTime(before: number): number | undefined {
    const stored = this.#index.lastTime(before)
    const cached = this.#starts.before(before)
    return stored === undefined || (cached !== undefined && cached > stored) ? cached : stored
  }

  scan(windowStart: number, after?: string): TimeScan<WindowEntry<K, V>> {
    let page: PagePlace | undefined
    return new GroupedScan(
      {
        time: windowStart,
        keyAt: 0,
        cached: this.#cachedIds(windowStart),
        nextPage: (each) => {
          page = this.#index.readPage(windowStart, page, (_, bytes, from, to) => each(bytes.latin1Slice(from, to)))
          return page !== undefined
        },
        read: (id) => this.#entryOf(windowStart, id),
      },
      after,
    )
  }

  expire(before: number): boolean {
    if (this.#expiring === undefined) {
      const start = this.#starts.atOrAfter(this.#expiredBefore)
      // Memory comes first: a commit between two steps may move entries from memory to the pages, and never back.
      if (start === undefined || start >= before) return this.#index.expire(before, this.#expireStored)
      this.#expiring = { start, cached: this.#windowOf(start).values() }
    }
    const { start, cached } = this.#expiring
    for (let count = 0; count < ENTRIES_PER_STEP; count++) {
      const { value: entry, done } = cached.next()
      if (done === true) {
        this.#expiredBefore = start + 1
        this.#expiring = undefined
        return true
      }
      if (entry.value !== undefined) this.set(entry, undefined)
    }
    return true
  }

  evict(sizeMax: number): void {
    this.#evictExpired()
    if (this.#size <= sizeMax) return
    for (const start of [...this.#windows.keys()].sort((a, b) => a - b)) {
      const window = this.#windows.get(start)
      if (window === undefined) continue
      for (const [id, entry] of window) {
        if (this.#size <= sizeMax) return
        if (entry.dirty) continue
        window.delete(id)
        this.#size--
      }
      if (window.size === 0) this.#removeWindow(start)
    }
  }

  encode(buffer: CommitBuffer, owner: number, run: ChangelogRun): void {
    this.changes.encode(buffer, owner, run, this.#values, ({ key, start, end }) =>
      this.#codec.writeTimed(buffer.out, key, start, end),
    )
  }

  settle(buffer: CommitBuffer): void {
    const index = this.#index
    const id = this.#scratch
    this.changes.settle()
    for (const entry of this.changes.entries) {
      if (entry.stored || !entry.indexed) continue
      if (index.remove(entry.start, this.#idOf(entry.key))) entry.indexed = false
    }
    for (const entry of this.changes.entries) {
      if (!entry.stored || entry.indexed) continue
      id.clear()
      this.#codec.writeOrdered(id, entry.key)
      index.add(entry.start, id.buffer, 0, id.position)
      entry.indexed = true
    }
    this.changes.clear()
    index.flush(buffer)
  }

  restored(bytes: Buffer, start: number, end: number, valueStart: number): void {
    if (valueStart < 0) return
    const windowStart = this.#codec.startIn(bytes, end)
    // The index has the entry already if an earlier run, or the state before, had it.
    if (this.#index.has(windowStart) && this.#database.get(bytes.subarray(start, end)) !== undefined) return
    this.#index.add(windowStart, bytes, start + this.#codec.prefix.length, this.#codec.orderedEnd(end))
  }

  settleRestored(buffer: CommitBuffer): void {
    this.#index.flush(buffer)
  }

  applied(): void {
    this.#index.applied()
  }

  forget(): void {
    this.#windows.clear()
    this.#starts.clear()
    this.changes.clear()
    this.#size = 0
    this.#lastStart = Number.NaN
    this.#expiredBefore = Number.NEGATIVE_INFINITY
    this.#expiring = undefined
  }

  async load(): Promise<void> {
    this.forget()
    await this.#index.load()
  }

  #idOf(key: K): string {
    const scratch = this.#scratch
    scratch.clear()
    this.#codec.writeOrdered(scratch, key)
    return scratch.buffer.latin1Slice(0, scratch.position)
  }

  #windowOf(start: number): CachedWindow<K, V> {
    let window = this.#windows.get(start)
    if (window === undefined) {
      window = new Map()
      this.#windows.set(start, window)
      this.#starts.add(start)
    }
    this.#lastStart = start
    this.#last = window
    return window
  }

  #load(window: CachedWindow<K, V>, id: K | string, key: K, start: number): WriteBackEntry<K, V> {
    // If the index does not have the window, LevelDB has nothing of it: the first look at most keys costs no read.
    const stored = this.#index.has(start) ? this.#read(key, start) : undefined
    const entry = writeBackEntry(key, start, start + this.#sizeMs, stored, this.#values)
    window.set(id, entry)
    this.#size++
    return entry
  }

  #read(key: K, start: number): Buffer | undefined {
    const scratch = this.#scratch
    scratch.clear()
    this.#codec.writeTimed(scratch, key, start, start + this.#sizeMs)
    return this.#database.get(scratch.buffer.subarray(0, scratch.position))
  }

  *#cachedIds(start: number): Generator<string> {
    for (const [id, entry] of this.#windows.get(start) ?? []) {
      if (entry.value !== undefined) yield this.#primitive ? this.#idOf(entry.key) : String(id)
    }
  }

  #entryOf(start: number, id: string): WriteBackEntry<K, V> | undefined {
    const bytes = Buffer.from(id, 'latin1')
    const key = this.#codec.readOrdered(bytes, 0, bytes.length)
    const cached = this.#windows.get(start)?.get(this.#primitive ? key : id)
    const entry = cached ?? writeBackEntry(key, start, start + this.#sizeMs, this.#read(key, start), this.#values)
    return entry.value === undefined ? undefined : entry
  }

  readonly #expireStored: EachEntry = (start, bytes, from, to) => {
    const window = this.#windowOf(start)
    const key = this.#codec.readOrdered(bytes, from, to)
    const id = this.#primitive ? key : bytes.latin1Slice(from, to)
    let entry = window.get(id)
    if (entry === undefined) {
      // A read to check whether the entry still exists is not worth its cost: one deletion too many is harmless.
      entry = new WriteBackEntry<K, V>(key, start, start + this.#sizeMs, undefined, 0)
      entry.stored = true
      window.set(id, entry)
      this.#size++
    }
    entry.indexed = false
    this.set(entry, undefined)
  }

  #evictExpired(): void {
    for (const [start, window] of this.#windows) {
      if (start >= this.#expiredBefore) continue
      for (const [id, entry] of window) {
        if (entry.dirty) continue
        window.delete(id)
        this.#size--
      }
      if (window.size === 0) this.#removeWindow(start)
    }
  }

  #removeWindow(start: number): void {
    this.#windows.delete(start)
    this.#starts.remove(start)
    if (start === this.#lastStart) this.#lastStart = Number.NaN
  }
}
