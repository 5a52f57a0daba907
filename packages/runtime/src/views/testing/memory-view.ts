import { setTimeout } from 'node:timers/promises'
import { ByteWriter, type Position, type Serde } from '@millrace/core'
import {
  type CommittedStore,
  maximumPosition,
  type StoreChange,
  type StoredEntry,
  type StorePage,
  type StoreRange,
  type StoreShape,
} from '@millrace/core/internal'
import { Subject } from 'rxjs'
import type { RemoteOwner, ServedView, ViewCommit, ViewPart } from '../served-view.ts'
import { MemoryHistory } from './memory-history.ts'

export interface MemoryViewOptions {
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly windowMs?: number
  /** Each part's first position; their number is the view's number of parts. */
  readonly positions: readonly Position[]
  readonly completeFrom?: Position
}

/** A view for tests: its parts are sorted arrays, and commits come from the test. */
export class MemoryView implements ServedView {
  readonly name: string
  readonly key: Serde<unknown>
  readonly value: Serde<unknown>
  readonly shape: StoreShape
  readonly partitions: number
  readonly completeFrom: Position
  readonly sources: Position
  parts: readonly MemoryPart[]
  remoteOwners: readonly RemoteOwner[] = []

  constructor(options: MemoryViewOptions) {
    const { name, key, value, windowMs, positions, completeFrom = {} } = options
    this.name = name
    this.key = key
    this.value = value
    this.shape = windowMs === undefined ? { kind: 'key' } : { kind: 'window', sizeMs: windowMs }
    this.partitions = positions.length
    this.completeFrom = completeFrom
    this.sources = maximumPosition(positions)
    this.parts = positions.map((position, partition) => new MemoryPart(partition, this.key, position))
  }

  /** Commits changes to one part, as a task does: first visible, then notified. */
  commit(partition: number, position: Position, changes: readonly StoreChange[]): void {
    const part = this.parts.find((candidate) => candidate.partition === partition)
    if (part === undefined) throw new Error(`no part ${partition}`)
    part.commit(position, changes)
  }

  /** Clients that follow changes share one subscription. */
  get followed(): boolean {
    return this.parts.some((part) => part.changes.observed)
  }
}

export class MemoryPart implements ViewPart {
  readonly partition: number
  position: Position
  readonly changes = new Subject<ViewCommit>()
  readonly positions = new Subject<Position>()
  readonly store: MemoryStore
  readonly history = new MemoryHistory()

  constructor(partition: number, key: Serde<unknown>, position: Position) {
    this.partition = partition
    this.position = position
    this.store = new MemoryStore(key)
  }

  commit(position: Position, changes: readonly StoreChange[]): void {
    for (const change of changes) this.store.apply(change)
    this.position = position
    this.history.commit(changes)
    if (changes.length > 0) this.changes.next({ position, changes })
    this.positions.next(position)
  }

  stop(): void {
    this.changes.complete()
    this.positions.complete()
  }
}

const TIME_BYTES = 8

interface Placed {
  readonly entry: StoredEntry<unknown, unknown>
  readonly keyBytes: Buffer
  readonly order: Buffer
}

class MemoryStore implements CommittedStore<unknown, unknown> {
  readonly #key: Serde<unknown>
  #placed: Placed[] = []
  /** Entries that reads have returned: what queries cost. */
  read = 0
  /** How long a page takes to be read, ms. */
  readMs = 0

  constructor(key: Serde<unknown>) {
    this.#key = key
  }

  apply({ key, window, value }: StoreChange): void {
    const order = this.#order(key, window?.start)
    this.#placed = this.#placed.filter((placed) => !placed.order.equals(order))
    if (value === null) return
    const entry = { key, value, ...(window && { window }) }
    this.#placed.push({ entry, keyBytes: this.#ordered(key), order })
    this.#placed.sort((a, b) => a.order.compare(b.order))
  }

  async get(key: unknown): Promise<unknown> {
    return this.#find(this.#order(key, undefined))?.value
  }

  async getWindow(key: unknown, windowStart: number): Promise<StoredEntry<unknown, unknown> | undefined> {
    return this.#find(this.#order(key, windowStart))
  }

  async range(range: StoreRange<unknown>): Promise<StorePage<unknown, unknown>> {
    if (this.readMs > 0) await setTimeout(this.readMs)
    const placed = range.by === 'time' ? this.#byTime() : this.#placed
    const inOrder = range.reverse === true ? placed.toReversed() : placed
    const found = inOrder.filter((placed) => this.#isIn(range, placed))
    const page = found.slice(0, range.limit)
    this.read += page.length
    return {
      bytes: 0,
      entries: page.map((placed) => placed.entry),
      order: page.map((placed) => placed.order),
      next: found.length > page.length ? (page.at(-1)?.order ?? null) : null,
    }
  }

  /** The entries by window, then by key. */
  #byTime(): Placed[] {
    const placed = this.#placed.map((each) => {
      const times = each.order.subarray(-TIME_BYTES)
      return { ...each, order: Buffer.concat([times, each.order]) }
    })
    return placed.sort((a, b) => a.order.compare(b.order))
  }

  #find(order: Buffer): StoredEntry<unknown, unknown> | undefined {
    return this.#placed.find((placed) => placed.order.equals(order))?.entry
  }

  #isIn(range: StoreRange<unknown>, { entry, keyBytes, order }: Placed): boolean {
    const { key, from, to, prefix, windowFrom, windowTo, after, reverse } = range
    const behind = reverse === true ? -1 : 1
    const start = entry.window?.start ?? 0
    return (
      (key === undefined || keyBytes.equals(this.#ordered(key))) &&
      (from === undefined || keyBytes.compare(this.#ordered(from)) >= 0) &&
      (to === undefined || keyBytes.compare(this.#ordered(to)) < 0) &&
      (prefix === undefined || keyBytes.subarray(0, prefix.length).equals(prefix)) &&
      (windowFrom === undefined || start >= windowFrom) &&
      (windowTo === undefined || start < windowTo) &&
      (after === undefined || order.compare(after) * behind > 0)
    )
  }

  #order(key: unknown, windowStart: number | undefined): Buffer {
    if (windowStart === undefined) return this.#ordered(key)
    const start = Buffer.alloc(10)
    start.writeBigInt64BE(BigInt(windowStart) ^ (-1n << 63n), 2)
    start[1] = 1
    // Escaped, so that the zeros in a key can be distinguished from its end.
    const escaped = this.#ordered(key).toString('latin1').replaceAll('\0', '\0\xff')
    return Buffer.concat([Buffer.from(escaped, 'latin1'), start])
  }

  #ordered(key: unknown): Buffer {
    const out = new ByteWriter()
    this.#key.encode(key, out)
    const bytes = out.toBytes()
    if (this.#key.order === 'signed') bytes.writeUInt8(bytes.readUInt8(0) ^ 0x80, 0)
    return bytes
  }
}
