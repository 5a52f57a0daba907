import { ByteWriter, type RecordGroup } from '@millrace/core'
import type { Entry, WindowStore } from '@millrace/core/internal'
import type { CommitBuffer } from './commit-buffer.ts'
import { CHECKSUM_BYTES, type Database } from './database.ts'
import type { KeyCodec } from './key-codec.ts'
import { LiveEntry, liveEntryOf } from './live-entry.ts'
import type { LiveStore } from './live-store.ts'
import type { TypedStore } from './store-serdes.ts'
import { WindowIndex } from './window-index.ts'

type LiveWindow<K, V> = Map<K | string, LiveEntry<K, V>>

/** A windowed store: decoded values over LevelDB, by window start, then by key. */
export class LiveWindowStore<K, V> implements WindowStore<K, V>, LiveStore {
  readonly index: WindowIndex<K>
  readonly #database: Database
  readonly #codec: KeyCodec<K>
  readonly #serdes: TypedStore<K, V>
  readonly #primitive: boolean
  readonly #windows = new Map<number, LiveWindow<K, V>>()
  readonly #changed: LiveEntry<K, V>[] = []
  readonly #scratch = new ByteWriter()
  /** Records come in order of time, mostly: the window of the last call is that of the next. */
  #lastStart = Number.NaN
  #last: LiveWindow<K, V> = new Map()
  #size = 0
  #expiredBefore = Number.NEGATIVE_INFINITY

  constructor(database: Database, codec: KeyCodec<K>, serdes: TypedStore<K, V>) {
    this.#database = database
    this.#codec = codec
    this.#serdes = serdes
    this.#primitive = serdes.key.primitive
    this.index = new WindowIndex(database, codec)
  }

  get size(): number {
    return this.#size
  }

  get dirty(): number {
    return this.#changed.length
  }

  find(key: K, windowStart: number): Entry<K, V> {
    const id = this.#primitive ? key : this.#idOf(key)
    const window = windowStart === this.#lastStart ? this.#last : this.#windowOf(windowStart)
    const entry = window.get(id)
    if (entry === undefined) return this.#load(window, id, key, windowStart)
    return entry
  }

  set(entry: Entry<K, V>, value: V | undefined): void {
    const live = liveEntryOf(entry)
    live.value = value
    if (live.dirty) return
    live.dirty = true
    this.#changed.push(live)
  }

  forEachWindow(from: number, before: number, each: (key: K, windowStart: number, value: V) => void): void {
    for (const start of this.#startsIn(from, before)) {
      const window = this.#windows.get(start)
      for (const [id, bytes] of this.#keysOf(start, window)) {
        const key = this.#codec.readOrdered(bytes, 0, bytes.length)
        const entry = window?.get(this.#primitive ? key : id)
        const value = entry === undefined ? this.#read(key, start) : entry.value
        if (value !== undefined) each(key, start, value)
      }
    }
  }

  expire(before: number): void {
    for (const start of this.#startsIn(Number.NEGATIVE_INFINITY, before)) {
      const window = this.#windowOf(start)
      this.index.forEachKey(start, (bytes, from, to) => {
        const key = this.#codec.readOrdered(bytes, from, to)
        const id = this.#primitive ? key : bytes.latin1Slice(from, to)
        if (window.has(id)) return
        // Whether it is still there is not worth a read: a deletion too many is harmless.
        const entry = new LiveEntry<K, V>(key, start, undefined)
        entry.stored = true
        window.set(id, entry)
        this.#size++
        this.set(entry, undefined)
      })
      for (const entry of window.values()) {
        entry.indexed = false
        if (entry.value !== undefined) this.set(entry, undefined)
      }
      this.index.drop(start)
    }
    this.#expiredBefore = Math.max(this.#expiredBefore, before)
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

  encode(buffer: CommitBuffer, owner: number, group: RecordGroup, timestamp: number): void {
    const { value: valueSerde } = this.#serdes
    for (const entry of this.#changed) {
      if (entry.value === undefined && !entry.stored) continue
      buffer.beginKey(owner)
      this.#codec.writeWindowed(buffer.out, entry.key, entry.windowStart)
      if (entry.value === undefined) buffer.endDeletion()
      else {
        buffer.beginValue()
        valueSerde.encode(entry.value, buffer.out)
        buffer.endValue()
      }
      buffer.appendLast(group, timestamp)
    }
  }

  settle(buffer: CommitBuffer): void {
    const { index } = this
    index.flushDropped(buffer)
    for (const entry of this.#changed) {
      entry.dirty = false
      entry.stored = entry.value !== undefined
      if (!entry.stored || entry.indexed) continue
      index.add(entry.windowStart, entry.key, buffer)
      entry.indexed = true
    }
    this.#changed.length = 0
    index.flush(buffer)
  }

  async load(): Promise<void> {
    this.#windows.clear()
    this.#changed.length = 0
    this.#size = 0
    this.#lastStart = Number.NaN
    this.#expiredBefore = Number.NEGATIVE_INFINITY
    await this.index.load()
  }

  #idOf(key: K): string {
    const scratch = this.#scratch
    scratch.clear()
    this.#codec.writeOrdered(scratch, key)
    return scratch.buffer.latin1Slice(0, scratch.position)
  }

  #windowOf(start: number): LiveWindow<K, V> {
    let window = this.#windows.get(start)
    if (window === undefined) {
      window = new Map()
      this.#windows.set(start, window)
    }
    this.#lastStart = start
    this.#last = window
    return window
  }

  #load(window: LiveWindow<K, V>, id: K | string, key: K, start: number): LiveEntry<K, V> {
    // A window that the index does not know has nothing in LevelDB: most first looks at a key cost no read.
    const entry = new LiveEntry(key, start, this.index.has(start) ? this.#read(key, start) : undefined)
    window.set(id, entry)
    this.#size++
    return entry
  }

  #read(key: K, start: number): V | undefined {
    const scratch = this.#scratch
    scratch.clear()
    this.#codec.writeWindowed(scratch, key, start)
    const stored = this.#database.get(scratch.buffer.subarray(0, scratch.position))
    return stored === undefined ? undefined : this.#serdes.value.decode(stored, CHECKSUM_BYTES, stored.length)
  }

  #startsIn(from: number, before: number): number[] {
    const starts = new Set<number>()
    for (const start of this.index.starts) if (start >= from && start < before) starts.add(start)
    for (const start of this.#windows.keys()) if (start >= from && start < before) starts.add(start)
    return [...starts].sort((a, b) => a - b)
  }

  /** A window's keys, encoded, in order: those of LevelDB and those in memory, each once. */
  #keysOf(start: number, window: LiveWindow<K, V> | undefined): [string, Buffer][] {
    const keys = new Set<string>()
    this.index.forEachKey(start, (bytes, from, to) => keys.add(bytes.latin1Slice(from, to)))
    for (const entry of window?.values() ?? []) if (entry.value !== undefined) keys.add(this.#idOf(entry.key))
    // Comparing Latin-1 strings compares the bytes.
    return [...keys].sort().map((id) => [id, Buffer.from(id, 'latin1')])
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
    if (start === this.#lastStart) this.#lastStart = Number.NaN
  }
}
