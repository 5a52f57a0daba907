import { ByteWriter } from '@millrace/core'
import type { CommittedStore, StoredEntry, StorePage, StoreRange, StoreShape } from '@millrace/core/internal'
import { placeOf } from '../codecs/entry-place.ts'
import { BOUND_MAX, type KeyCodec, writeEscaped } from '../codecs/key-codec.ts'
import { type ReadValue, type TypedStore, valueReader } from '../codecs/store-serdes.ts'
import { CHECKSUM_BYTES, type Database } from '../database.ts'
import { PageUnderWay } from './page-under-way.ts'
import { RangeByOrder } from './range-by-order.ts'
import { RangeByTime } from './range-by-time.ts'

/** Entries that are read at once: 1000 reach three quarters of the highest rate. */
const READ_ENTRIES_MAX = 1000

/**
 * Entries that are read at once when many windows of a key are skipped: few, as most keys have one or two windows that are
 * wanted.
 */
const READ_WINDOWS_MAX = 16

/**
 * With fewer entries per key than this, skipping them is cheaper than a seek for each key, which costs as much as a few dozen
 * entries. Then more and more entries are read at once.
 */
const SEEK_ENTRIES_MIN = 16

/** What LevelDB holds of one store: only what is committed. */
export class LevelCommittedStore<K, V> implements CommittedStore<K, V> {
  readonly #database: Database
  readonly #codec: KeyCodec<K>
  readonly #readValue: ReadValue<V>
  readonly #shape: StoreShape

  constructor(database: Database, codec: KeyCodec<K>, serdes: TypedStore<K, V>) {
    this.#database = database
    this.#codec = codec
    this.#readValue = valueReader(serdes)
    this.#shape = serdes.shape
  }

  async get(key: K): Promise<V | undefined> {
    return this.#read(this.#bytes((out) => this.#codec.write(out, key)))
  }

  async getWindow(key: K, windowStart: number): Promise<StoredEntry<K, V> | undefined> {
    if (this.#shape.kind !== 'window') {
      const bounds = { key, windowFrom: windowStart, windowTo: windowStart + 1 }
      return (await this.range({ ...bounds, reverse: true, limit: 1 })).entries[0]
    }
    const window = { start: windowStart, end: windowStart + this.#shape.sizeMs }
    const value = this.#read(this.#bytes((out) => this.#codec.writeTimed(out, key, window.start, window.end)))
    return value === undefined ? undefined : { key, window, value }
  }

  async range(range: StoreRange<K>): Promise<StorePage<K, V>> {
    if (!(range.limit >= 1)) throw new RangeError(`A range's limit is at least 1, not ${range.limit}`)
    const page = new PageUnderWay<K, V>(range)
    if (range.by === 'time') {
      const { windowFrom: _from, windowTo: _to, after: _after, ...keys } = range
      const source = { database: this.#database, prefix: this.#codec.prefix, shape: this.#shape }
      const read = new RangeByTime(source, range, this.#bounds(keys))
      return read.into(page, (key, stored) => this.#entry(key, stored))
    }
    if (range.by === 'order') {
      if (this.#shape.kind !== 'sorted') throw new RangeError('Only a sorted store has a second order')
      const { after: _after, ...keys } = range
      const source = { database: this.#database, prefix: this.#codec.prefix, end: this.#codec.end }
      const decode = (key: Buffer, stored: Buffer) => this.#entry(key, stored)
      return new RangeByOrder(source, range, this.#bounds(keys), page, decode).read()
    }
    const [from, to] = this.#bounds(range)
    if (from.compare(to) >= 0) return page.ended(null)
    // An iterator sees LevelDB as it was when the iterator was made: a commit in between changes nothing.
    const iterator = this.#database.level.iterator({ gte: from, lt: to, reverse: range.reverse === true })
    const passesOver = this.#hasWindowBounds(range)
    let readMax = passesOver ? READ_WINDOWS_MAX : READ_ENTRIES_MAX
    try {
      while (true) {
        const wanted = readMax > READ_WINDOWS_MAX && passesOver ? readMax : Math.min(readMax, page.room + 1)
        const before = page.entries.length
        const read = await iterator.nextv(wanted).catch((error) => Promise.reject(this.#database.readFailed(error)))
        const last = read.at(-1)?.[0]
        if (last === undefined) return page.ended(null)
        for (const [key, stored] of read) {
          this.#database.check(key, stored)
          const isWanted = this.#isWanted(key, range)
          if (isWanted && page.room === 0) return page.ended(page.order.at(-1) ?? null)
          const order = key.subarray(this.#codec.prefix.length)
          if (isWanted) page.add(this.#entry(key, stored), order, key.length + stored.length)
          else page.passOver(key.length + stored.length)
          if (page.isFull) return page.ended(order)
        }
        if (range.enough?.() === true) return page.ended(last.subarray(this.#codec.prefix.length))
        if (!this.#isWanted(last, range)) iterator.seek(this.#nextWanted(last, range))
        if (!passesOver) continue
        const mostPassedOver = 2 * (page.entries.length - before) < read.length
        const seeks = !mostPassedOver || this.#entriesPerKey(read) >= SEEK_ENTRIES_MIN
        readMax = seeks ? READ_WINDOWS_MAX : Math.min(READ_ENTRIES_MAX, 2 * readMax)
      }
    } finally {
      await iterator.close()
    }
  }

  /** How many of the entries have the same key, on average. */
  #entriesPerKey(read: readonly (readonly [Buffer, Buffer])[]): number {
    let keys = 0
    let before: Buffer | undefined
    for (const [stored] of read) {
      const key = stored.subarray(0, this.#codec.orderedEnd(stored.length))
      if (before === undefined || !key.equals(before)) keys++
      before = key
    }
    return read.length / keys
  }

  #read(key: Buffer): V | undefined {
    const stored = this.#database.get(key)
    return stored === undefined ? undefined : this.#readValue(stored, CHECKSUM_BYTES, stored.length)
  }

  /** A decoded value may take many times the memory of its bytes, so it is decoded only when it is wanted. */
  #entry(key: Buffer, stored: Buffer): StoredEntry<K, V> {
    const readValue = this.#readValue
    const value = {
      get value() {
        return readValue(stored, CHECKSUM_BYTES, stored.length)
      },
    }
    if (!this.#codec.timed) return Object.assign(value, { key: this.#codec.read(key, 0, key.length) })
    const { key: decoded, start, end } = this.#codec.readTimed(key, 0, key.length)
    return Object.assign(value, { key: decoded, ...placeOf(this.#shape, start, end) })
  }

  #hasWindowBounds({ windowFrom, windowTo }: StoreRange<K>): boolean {
    return this.#codec.timed && (windowFrom !== undefined || windowTo !== undefined)
  }

  /**
   * Where to continue after an entry whose window is not wanted: at the first wanted window of its key, or after the key; in
   * reverse at the last one, or before the key. A range over few windows of each key costs what it finds, not what it skips.
   */
  #nextWanted(stored: Buffer, { windowFrom, windowTo, reverse }: StoreRange<K>): Buffer {
    const { key, start } = this.#codec.readTimed(stored, 0, stored.length)
    const tooEarly = windowFrom !== undefined && start < windowFrom
    if (reverse !== true && tooEarly) return this.#windowBound(key, windowFrom)
    if (reverse === true && !tooEarly && windowTo !== undefined)
      return this.#windowBound(key, Math.ceil(windowTo) - 1, BOUND_MAX)
    const ofKey = this.#bytes((out) => {
      this.#writePart(out, key)
      this.#codec.writeEnd(out)
    })
    // No key without a window has a stored entry.
    return reverse === true ? ofKey : afterPrefix(ofKey)
  }

  #isWanted(key: Buffer, range: StoreRange<K>): boolean {
    if (!this.#hasWindowBounds(range)) return true
    const { windowFrom, windowTo } = range
    const start = this.#codec.startIn(key, key.length)
    return (windowFrom === undefined || start >= windowFrom) && (windowTo === undefined || start < windowTo)
  }

  /** The bounds of the stored keys that can be wanted: the first, and the first one after them. */
  #bounds(range: StoreRange<K>): [Buffer, Buffer] {
    const codec = this.#codec
    const froms = [codec.prefix]
    const tos = [codec.end]
    const { key, from, to, prefix, after, reverse } = range
    if (from !== undefined) froms.push(this.#bytes((out) => this.#writePart(out, from)))
    if (to !== undefined) tos.push(this.#bytes((out) => this.#writePart(out, to)))
    if (after !== undefined) {
      const place = Buffer.concat([codec.prefix, after])
      if (reverse === true) tos.push(place)
      else froms.push(Buffer.concat([place, ZERO]))
    }
    if (prefix !== undefined) {
      const first = this.#bytes((out) => {
        out.bytes(codec.prefix)
        if (codec.timed) writeEscaped(out, prefix)
        else out.bytes(prefix)
      })
      froms.push(first)
      tos.push(afterPrefix(first))
    }
    if (key !== undefined) {
      const exact = this.#bytes((out) => {
        this.#writePart(out, key)
        if (codec.timed) codec.writeEnd(out)
      })
      froms.push(exact)
      tos.push(codec.timed ? afterPrefix(exact) : Buffer.concat([exact, ZERO]))
      if (codec.timed && range.windowFrom !== undefined) froms.push(this.#windowBound(key, range.windowFrom))
      if (codec.timed && range.windowTo !== undefined) tos.push(this.#windowBound(key, range.windowTo))
    }
    froms.sort(Buffer.compare)
    tos.sort(Buffer.compare)
    return [froms.at(-1) ?? codec.prefix, tos[0] ?? codec.end]
  }

  /** The place of a key's window that starts at `start` or, if that is between whole times, at the next one. */
  #windowBound(key: K, start: number, end = -BOUND_MAX): Buffer {
    const bound = Math.max(-BOUND_MAX, Math.min(BOUND_MAX, Math.ceil(start)))
    return this.#bytes((out) => this.#codec.writeTimed(out, key, bound, end))
  }

  #writePart(out: ByteWriter, key: K): void {
    out.bytes(this.#codec.prefix)
    this.#codec.writeOrdered(out, key)
  }

  #bytes(write: (out: ByteWriter) => void): Buffer {
    const out = new ByteWriter(64)
    write(out)
    return out.toBytes()
  }
}

const ZERO = Buffer.from([0])

/** The first bytes after all that begin with `prefix`. The prefix has a byte that is not FF: it is a store's name. */
function afterPrefix(prefix: Buffer): Buffer {
  let last = prefix.length - 1
  while (prefix[last] === 0xff) last--
  const after = Buffer.from(prefix.subarray(0, last + 1))
  after[last] = (after[last] ?? 0) + 1
  return after
}
