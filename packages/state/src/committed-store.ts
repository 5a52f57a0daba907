import { ByteWriter } from '@millrace/core'
import type { CommittedStore, StoredEntry, StorePage, StoreRange } from '@millrace/core/internal'
import { CHECKSUM_BYTES, type Database } from './database.ts'
import { type KeyCodec, writeEscaped } from './key-codec.ts'
import type { TypedStore } from './store-serdes.ts'
import { ValueCodec } from './value-codec.ts'

/** Entries that are read at once: 1000 reach three quarters of the rate that any number reaches. */
const READ_ENTRIES_MAX = 1000

/** Entries that are read at once where windows are passed over: few, as most keys have one or two that are wanted. */
const READ_WINDOWS_MAX = 16

/** What LevelDB holds of one store: exactly what is committed. */
export class LevelCommittedStore<K, V> implements CommittedStore<K, V> {
  readonly #database: Database
  readonly #codec: KeyCodec<K>
  readonly #values: ValueCodec<V>
  readonly #windowMs: number | undefined

  constructor(database: Database, codec: KeyCodec<K>, serdes: TypedStore<K, V>) {
    this.#database = database
    this.#codec = codec
    this.#values = new ValueCodec(serdes)
    this.#windowMs = serdes.windowMs
  }

  async get(key: K): Promise<V | undefined> {
    return this.#read(this.#bytes((out) => this.#codec.write(out, key)))
  }

  async getWindow(key: K, windowStart: number): Promise<V | undefined> {
    return this.#read(this.#bytes((out) => this.#codec.writeWindowed(out, key, windowStart)))
  }

  async range(range: StoreRange<K>): Promise<StorePage<K, V>> {
    if (!(range.limit >= 1)) throw new RangeError(`A range's limit is at least 1, not ${range.limit}`)
    const [from, to] = this.#bounds(range)
    const entries: StoredEntry<K, V>[] = []
    const order: Buffer[] = []
    if (from.compare(to) >= 0) return { entries, order, next: null }
    // LevelDB pins what an iterator sees when it is made: a commit in between changes nothing.
    const iterator = this.#database.level.iterator({ gte: from, lt: to })
    const readMax = this.#hasWindowBounds(range) ? READ_WINDOWS_MAX : READ_ENTRIES_MAX
    try {
      while (true) {
        const wanted = Math.min(readMax, range.limit - entries.length + 1)
        const read = await iterator.nextv(wanted).catch((error) => Promise.reject(this.#database.readFailed(error)))
        if (read.length === 0) return { entries, order, next: null }
        for (const [key, stored] of read) {
          this.#database.check(key, stored)
          if (!this.#isWanted(key, range)) continue
          if (entries.length === range.limit) return { entries, order, next: order.at(-1) ?? null }
          entries.push(this.#entry(key, stored))
          order.push(Buffer.from(key.subarray(this.#codec.prefix.length)))
        }
        const last = read.at(-1)?.[0]
        if (last !== undefined && !this.#isWanted(last, range)) iterator.seek(this.#nextWanted(last, range))
      }
    } finally {
      await iterator.close()
    }
  }

  #read(key: Buffer): V | undefined {
    const stored = this.#database.get(key)
    return stored === undefined ? undefined : this.#values.read(stored, CHECKSUM_BYTES, stored.length)
  }

  #entry(key: Buffer, stored: Buffer): StoredEntry<K, V> {
    const value = this.#values.read(stored, CHECKSUM_BYTES, stored.length)
    const windowMs = this.#windowMs
    if (windowMs === undefined) return { key: this.#codec.read(key, 0, key.length), value }
    const { key: decoded, windowStart: start } = this.#codec.readWindowed(key, 0, key.length)
    return { key: decoded, window: { start, end: start + windowMs }, value }
  }

  #hasWindowBounds({ windowFrom, windowTo }: StoreRange<K>): boolean {
    return this.#codec.windowed && (windowFrom !== undefined || windowTo !== undefined)
  }

  /**
   * Where to go on after an entry whose window is not wanted: at the first wanted window of its key, or behind the key. A
   * range over few windows of each key costs what it finds, not what it passes over.
   */
  #nextWanted(stored: Buffer, { windowFrom }: StoreRange<K>): Buffer {
    const { key, windowStart } = this.#codec.readWindowed(stored, 0, stored.length)
    if (windowFrom !== undefined && windowStart < windowFrom) return this.#windowBound(key, windowFrom)
    return afterPrefix(
      this.#bytes((out) => {
        this.#writePart(out, key)
        this.#codec.writeEnd(out)
      }),
    )
  }

  #isWanted(key: Buffer, range: StoreRange<K>): boolean {
    if (!this.#hasWindowBounds(range)) return true
    const { windowFrom, windowTo } = range
    const start = this.#codec.windowStart(key, key.length)
    return (windowFrom === undefined || start >= windowFrom) && (windowTo === undefined || start < windowTo)
  }

  /** The stored keys between which everything that is wanted stands: the first, and the first after it. */
  #bounds(range: StoreRange<K>): [Buffer, Buffer] {
    const codec = this.#codec
    const froms = [codec.prefix]
    const tos = [codec.end]
    const { key, from, to, prefix, after } = range
    if (from !== undefined) froms.push(this.#bytes((out) => this.#writePart(out, from)))
    if (to !== undefined) tos.push(this.#bytes((out) => this.#writePart(out, to)))
    if (after !== undefined) froms.push(Buffer.concat([codec.prefix, after, ZERO]))
    if (prefix !== undefined) {
      const first = this.#bytes((out) => {
        out.bytes(codec.prefix)
        if (codec.windowed) writeEscaped(out, prefix)
        else out.bytes(prefix)
      })
      froms.push(first)
      tos.push(afterPrefix(first))
    }
    if (key !== undefined) {
      const exact = this.#bytes((out) => {
        this.#writePart(out, key)
        if (codec.windowed) codec.writeEnd(out)
      })
      froms.push(exact)
      tos.push(codec.windowed ? afterPrefix(exact) : Buffer.concat([exact, ZERO]))
      if (codec.windowed && range.windowFrom !== undefined) froms.push(this.#windowBound(key, range.windowFrom))
      if (codec.windowed && range.windowTo !== undefined) tos.push(this.#windowBound(key, range.windowTo))
    }
    froms.sort(Buffer.compare)
    tos.sort(Buffer.compare)
    return [froms.at(-1) ?? codec.prefix, tos[0] ?? codec.end]
  }

  #windowBound(key: K, start: number): Buffer {
    return this.#bytes((out) =>
      this.#codec.writeWindowed(out, key, Math.max(-BOUND_MAX, Math.min(BOUND_MAX, Math.ceil(start)))),
    )
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
/** Bounds may be infinite, stored times may not. */
const BOUND_MAX = Number.MAX_SAFE_INTEGER

/** The first bytes after all that begin with `prefix`, which has a byte that is not FF: a store's name. */
function afterPrefix(prefix: Buffer): Buffer {
  let last = prefix.length - 1
  while (prefix[last] === 0xff) last--
  const after = Buffer.from(prefix.subarray(0, last + 1))
  after[last] = (after[last] ?? 0) + 1
  return after
}
