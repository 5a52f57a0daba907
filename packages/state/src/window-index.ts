import { ByteWriter } from '@millrace/core'
import { readTime, TIME_BYTES, writeTime } from '@millrace/core/internal'
import { type CommitBuffer, LOCAL } from './commit-buffer.ts'
import { CHECKSUM_BYTES, type Database } from './database.ts'
import type { KeyCodec } from './key-codec.ts'

/** A page that reached this size is not written again; a commit rewrites at most this much of a window. */
const PAGE_BYTES = 4096
/** Open pages that are kept in memory: 256 × (4 KiB and a key) is about a megabyte per store. */
const OPEN_PAGES_MAX = 256
const LENGTH_BYTES = 4
const PAGE_NUMBER_BYTES = 4

/** One window's pages: 0 to `pages` - 1 are full; `open`, if there is one, is being filled. */
interface IndexedWindow {
  pages: number
  open: ByteWriter | undefined
  /** Pages that LevelDB holds, or will hold when the commit under way is applied. */
  frozenPages: number
  /** Pages that LevelDB is known to hold. */
  appliedPages: number
}

/**
 * The keys that each window of a store has: `01 <store> 00 <window start> <page number>` → keys, each after its length.
 *
 * LevelDB has no synchronous iterator for Node. With one index entry per key, the entries could not be visited while records
 * are processed. So the index consists of pages, which are read by `getSync`; their numbers are in memory. A key is added when
 * its entry is created, and is removed with its window: a page may have keys that were deleted since, or one key twice. The
 * index is derived from the entries, and is not in the changelog.
 */
export class WindowIndex<K> {
  readonly #database: Database
  readonly #codec: KeyCodec<K>
  readonly #prefix: Buffer
  readonly #windows = new Map<number, IndexedWindow>()
  readonly #touched = new Set<number>()
  readonly #dropped: { readonly start: number; readonly pages: number }[] = []
  readonly #scratch = new ByteWriter()
  #openPages = 0

  constructor(database: Database, codec: KeyCodec<K>) {
    this.#database = database
    this.#codec = codec
    this.#prefix = Buffer.concat([Buffer.from([1]), codec.prefix])
  }

  /** Starts of all windows that may have entries, in no order. */
  get starts(): Iterable<number> {
    return this.#windows.keys()
  }

  has(start: number): boolean {
    return this.#windows.has(start)
  }

  /** Adds a key to its window; `flush` writes it. */
  add(start: number, key: K, buffer: CommitBuffer): void {
    const page = this.#openPage(start)
    const lengthAt = page.position
    page.reserve(LENGTH_BYTES)
    page.position += LENGTH_BYTES
    this.#codec.writeOrdered(page, key)
    this.#finishKey(start, page, lengthAt, buffer)
  }

  /** Adds a key that is encoded already. */
  addEncoded(start: number, bytes: Buffer, buffer: CommitBuffer): void {
    const page = this.#openPage(start)
    const lengthAt = page.position
    page.reserve(LENGTH_BYTES)
    page.position += LENGTH_BYTES
    page.bytes(bytes)
    this.#finishKey(start, page, lengthAt, buffer)
  }

  /** Forgets a window; `flush` deletes its pages. */
  drop(start: number): void {
    const window = this.#windows.get(start)
    if (window === undefined) return
    this.#dropped.push({ start, pages: Math.max(pagesOf(window), window.frozenPages) })
    if (window.open !== undefined) this.#openPages--
    this.#windows.delete(start)
    this.#touched.delete(start)
  }

  /** Deletes the pages of dropped windows. Must run before keys are added: a window may have been made again. */
  flushDropped(buffer: CommitBuffer): void {
    for (const { start, pages } of this.#dropped) {
      for (let page = 0; page < pages; page++) {
        buffer.beginKey(LOCAL)
        this.#writeKey(buffer.out, start, page)
        buffer.endDeletion()
      }
    }
    this.#dropped.length = 0
  }

  /** Writes the pages that keys were added to. */
  flush(buffer: CommitBuffer): void {
    for (const start of this.#touched) {
      const window = this.#windows.get(start)
      if (window === undefined) continue
      if (window.open !== undefined) {
        this.#writePage(start, window.pages, window.open, buffer)
        if (this.#openPages > OPEN_PAGES_MAX) this.#closePage(window)
      }
      window.frozenPages = pagesOf(window)
    }
    // `touched` stays until the commit is applied: only then can these pages be read.
  }

  /** The pages of the last flush are in LevelDB. */
  applied(): void {
    for (const start of this.#touched) {
      const window = this.#windows.get(start)
      if (window !== undefined) window.appliedPages = window.frozenPages
    }
    this.#touched.clear()
  }

  /**
   * Calls `each` with the keys of one page of a window, encoded; false if there are no more pages. A key may come twice, and a
   * deleted key may come. Keys of a commit that is not applied yet may be missing: the write-back layer still has those.
   */
  readPage(start: number, page: number, each: (bytes: Buffer, start: number, end: number) => void): boolean {
    const window = this.#windows.get(start)
    if (window === undefined || page >= window.appliedPages) return false
    const scratch = this.#scratch
    scratch.clear()
    this.#writeKey(scratch, start, page)
    const stored = this.#database.get(scratch.buffer.subarray(0, scratch.position))
    if (stored === undefined) throw this.#database.damaged(`page ${page} of the index of window ${start} is missing`)
    for (let at = CHECKSUM_BYTES; at < stored.length; ) {
      const from = at + LENGTH_BYTES
      at = from + stored.readUInt32BE(at)
      each(stored, from, at)
    }
    return true
  }

  /** Reads which windows and pages there are. */
  async load(): Promise<void> {
    this.#windows.clear()
    this.#touched.clear()
    this.#dropped.length = 0
    this.#openPages = 0
    const end = Buffer.concat([Buffer.from([1]), this.#codec.end])
    const { length } = this.#prefix
    for await (const key of this.#database.level.keys({ gte: this.#prefix, lt: end })) {
      if (key.length !== length + TIME_BYTES + PAGE_NUMBER_BYTES)
        throw this.#database.damaged('an index key has no such form')
      const start = readTime(key, length)
      const page = key.readUInt32BE(length + TIME_BYTES)
      const pages = this.#windows.get(start)?.pages ?? 0
      if (page !== pages) throw this.#database.damaged(`page ${pages} of the index of window ${start} is missing`)
      const known = pages + 1
      this.#windows.set(start, { pages: known, open: undefined, frozenPages: known, appliedPages: known })
    }
  }

  #openPage(start: number): ByteWriter {
    let window = this.#windows.get(start)
    if (window === undefined) {
      window = { pages: 0, open: undefined, frozenPages: 0, appliedPages: 0 }
      this.#windows.set(start, window)
    }
    this.#touched.add(start)
    if (window.open === undefined) {
      window.open = new ByteWriter(256)
      this.#openPages++
    }
    return window.open
  }

  #finishKey(start: number, page: ByteWriter, lengthAt: number, buffer: CommitBuffer): void {
    page.buffer.writeUInt32BE(page.position - lengthAt - LENGTH_BYTES, lengthAt)
    const window = this.#windows.get(start)
    if (window === undefined || page.position < PAGE_BYTES) return
    this.#writePage(start, window.pages, page, buffer)
    this.#closePage(window)
  }

  #closePage(window: IndexedWindow): void {
    window.pages++
    window.open = undefined
    this.#openPages--
  }

  #writePage(start: number, page: number, content: ByteWriter, buffer: CommitBuffer): void {
    buffer.beginKey(LOCAL)
    this.#writeKey(buffer.out, start, page)
    buffer.beginValue()
    buffer.out.bytes(content.buffer, 0, content.position)
    buffer.endValue()
  }

  #writeKey(out: ByteWriter, start: number, page: number): void {
    out.bytes(this.#prefix)
    writeTime(out, start)
    out.reserve(PAGE_NUMBER_BYTES)
    out.position = out.buffer.writeUInt32BE(page, out.position)
  }
}

function pagesOf(window: IndexedWindow): number {
  return window.pages + (window.open === undefined ? 0 : 1)
}
