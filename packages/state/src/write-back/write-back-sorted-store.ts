import { ByteWriter, type Serde } from '@millrace/core'
import type { Entry, Sorted, SortedBounds, SortedStore } from '@millrace/core/internal'
import type { KeyCodec } from '../codecs/key-codec.ts'
import { endOfEscaped, type SortedValueCodec } from '../codecs/sorted-value-codec.ts'
import type { CommitBuffer } from '../commit-buffer.ts'
import { CHECKSUM_BYTES, type Database } from '../database.ts'
import { compareText, OrderIndex } from '../indexes/order-index.ts'
import { SortedList } from '../indexes/sorted-list.ts'
import { type WriteBackEntry, writeBackEntryOf } from './write-back-entry.ts'
import { WriteBackKeyValueStore } from './write-back-key-value-store.ts'

/** Places are Latin-1 text: this is after all of them. */
const AFTER_ALL = '\u0100'

/** A sorted store: a store by key, with an index of its entries by their order. */
export class WriteBackSortedStore<K, V, O>
  extends WriteBackKeyValueStore<K, Sorted<V, O>>
  implements SortedStore<K, V, O>
{
  readonly #database: Database
  readonly #codec: KeyCodec<K>
  readonly #values: SortedValueCodec<V, O>
  /** The places of all entries, as of the last freeze. */
  readonly #index: OrderIndex
  /** The places that were set since the last freeze. An entry may have left such a place again. */
  readonly #newPlaces = new SortedList<string>(compareText)
  /** The place that each entry which changed since the last freeze has in the index. */
  readonly #indexed = new Map<WriteBackEntry<K, Sorted<V, O>>, string | undefined>()
  readonly #scratch = new ByteWriter(64)

  constructor(database: Database, codec: KeyCodec<K>, key: Serde<K>, values: SortedValueCodec<V, O>) {
    super(database, codec, key, values)
    this.#database = database
    this.#codec = codec
    this.#values = values
    this.#index = new OrderIndex(database, codec)
  }

  override set(entry: Entry<K, Sorted<V, O>>, value: Sorted<V, O> | undefined, time = 0): void {
    const cached = writeBackEntryOf(entry)
    if (!cached.dirty) this.#indexed.set(cached, this.#placeOf(cached))
    // The place that the entry has is known: in the index, or among the new ones.
    const stays = value !== undefined && value.order === entry.value?.order
    super.set(entry, value, time)
    if (stays) return
    const place = this.#placeOf(cached)
    if (place !== undefined) this.#newPlaces.add(place)
  }

  *inOrder(bounds: SortedBounds<O> = {}): Generator<Entry<K, Sorted<V, O>>, void> {
    const from = bounds.from === undefined ? '' : this.#orderText(bounds.from)
    const to = bounds.to === undefined ? AFTER_ALL : this.#orderText(bounds.to)
    let place = bounds.reverse === true ? this.#before(to) : this.#atOrAfter(from)
    while (place !== undefined && place >= from && place < to) {
      const entry = this.#entryAt(place)
      if (entry !== undefined) yield entry
      place = bounds.reverse === true ? this.#before(place) : this.#atOrAfter(`${place}\0`)
    }
  }

  override settle(buffer: CommitBuffer): void {
    for (const entry of this.changes.entries) this.#move(this.#indexed.get(entry), this.#placeOf(entry))
    this.#indexed.clear()
    this.#newPlaces.clear()
    this.#index.flush(buffer)
    super.settle(buffer)
  }

  override restored(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    super.restored(bytes, keyStart, keyEnd, valueStart, valueEnd)
    const key = bytes.subarray(keyStart, keyEnd)
    const stored = this.#database.get(key)
    const before = stored && this.#placeIn(key, stored, CHECKSUM_BYTES)
    this.#move(before, valueStart < 0 ? undefined : this.#placeIn(key, bytes, valueStart))
  }

  override settleRestored(buffer: CommitBuffer): void {
    this.#index.flush(buffer)
  }

  override applied(): void {
    this.#index.applied()
  }

  override forget(): void {
    super.forget()
    this.#indexed.clear()
    this.#newPlaces.clear()
  }

  override async load(): Promise<void> {
    await super.load()
    await this.#index.load()
  }

  #move(from: string | undefined, to: string | undefined): void {
    if (from === to) return
    if (from !== undefined) this.#index.remove(from)
    if (to !== undefined) this.#index.add(to)
  }

  #atOrAfter(place: string): string | undefined {
    const stored = this.#index.atOrAfter(place)
    const cached = this.#newPlaces.atOrAfter(place)
    return stored === undefined || (cached !== undefined && cached < stored) ? cached : stored
  }

  #before(place: string): string | undefined {
    const stored = this.#index.before(place)
    const cached = this.#newPlaces.before(place)
    return stored === undefined || (cached !== undefined && cached > stored) ? cached : stored
  }

  /** The entry that has a place now; undefined if its entry has left it. */
  #entryAt(place: string): Entry<K, Sorted<V, O>> | undefined {
    const bytes = Buffer.from(place, 'latin1')
    const entry = writeBackEntryOf(this.find(this.#codec.readOrdered(bytes, endOfEscaped(bytes, 0), bytes.length)))
    return this.#placeOf(entry) === place ? entry : undefined
  }

  /** What an entry is sorted by: its order, then its key. */
  #placeOf({ key, value }: WriteBackEntry<K, Sorted<V, O>>): string | undefined {
    if (value === undefined) return undefined
    const scratch = this.#scratch
    scratch.clear()
    this.#values.writeOrder(scratch, value.order)
    this.#codec.writeOrdered(scratch, key)
    return scratch.buffer.latin1Slice(0, scratch.position)
  }

  /** The place of a stored entry, without decoding anything. */
  #placeIn(key: Buffer, value: Buffer, start: number): string {
    const [from, to] = this.#values.orderIn(value, start)
    return value.latin1Slice(from, to) + key.latin1Slice(this.#codec.prefix.length, key.length)
  }

  #orderText(order: O): string {
    const scratch = this.#scratch
    scratch.clear()
    this.#values.writeOrder(scratch, order)
    return scratch.buffer.latin1Slice(0, scratch.position)
  }
}
