import { ByteWriter, type Serde } from '@millrace/core'
import {
  type Entry,
  type KeyValueStore,
  makeSortable,
  type Sorted,
  type SortedBounds,
  type SortedStore,
  type StoreShape,
} from '@millrace/core/internal'
import { MapTimedStore } from '../../operators/testing/map-timed-store.ts'
import { MapUndo } from '../../operators/testing/map-undo.ts'
import { MapWindowStore } from '../../operators/testing/map-window-store.ts'
import type { PipelineState } from '../pipeline-state.ts'

interface MutableEntry extends Entry<unknown, unknown> {
  value: unknown
  time: number
}

type AnyStore = MapStore | MapSortedStore | MapWindowStore<unknown, unknown> | MapTimedStore<unknown, unknown>

/** A task's stores in maps, for testing what tasks do alone. Nothing in it is kept. */
export class MapState implements PipelineState {
  readonly #stores: ReadonlyMap<string, AnyStore>

  constructor(stores: readonly { readonly name: string; readonly shape: StoreShape }[]) {
    this.#stores = new Map(stores.map(({ name, shape }) => [name, storeOf(shape)]))
  }

  keyValueStore<K, V>(name: string): KeyValueStore<K, V> {
    return this.#store(name, MapStore) as unknown as KeyValueStore<K, V>
  }

  sortedStore<K, V, O>(name: string): SortedStore<K, V, O> {
    return this.#store(name, MapSortedStore) as unknown as SortedStore<K, V, O>
  }

  windowStore<K, V>(name: string): MapWindowStore<K, V> {
    return this.#store(name, MapWindowStore) as unknown as MapWindowStore<K, V>
  }

  intervalStore<K, V>(name: string): MapTimedStore<K, V> {
    return this.#store(name, MapTimedStore) as unknown as MapTimedStore<K, V>
  }

  instantStore<K, V>(name: string): MapTimedStore<K, V> {
    return this.#store(name, MapTimedStore) as unknown as MapTimedStore<K, V>
  }

  /** The rows of a store by key. */
  rows(name: string): Record<string, unknown> {
    return Object.fromEntries(this.#store(name, MapStore).rows())
  }

  mark(): void {
    for (const store of this.#stores.values()) store.mark()
  }

  release(): void {
    for (const store of this.#stores.values()) store.release()
  }

  rewind(): void {
    for (const store of this.#stores.values()) store.rewind()
  }

  #store<S extends AnyStore>(name: string, type: abstract new (...parameters: never[]) => S): S {
    const store = this.#stores.get(name)
    if (store instanceof type) return store
    throw new Error(`The task has no store ${name} of this shape`)
  }
}

function storeOf(shape: StoreShape): AnyStore {
  if (shape.kind === 'key') return new MapStore()
  if (shape.kind === 'sorted') return new MapSortedStore(shape.order)
  return shape.kind === 'window' ? new MapWindowStore(shape.sizeMs) : new MapTimedStore(shape.kind)
}

class MapStore extends MapUndo implements KeyValueStore<unknown, unknown> {
  readonly #entries = new Map<unknown, MutableEntry>()

  find(key: unknown): Entry<unknown, unknown> {
    let entry = this.#entries.get(key)
    if (entry === undefined) {
      entry = { key, value: undefined, time: 0 }
      this.#entries.set(key, entry)
    }
    return entry
  }

  set({ key }: Entry<unknown, unknown>, value: unknown, time = 0): void {
    const entry = this.#entries.get(key)
    if (entry === undefined) throw new Error(`No entry was found for the key ${key}`)
    this.note(entry)
    entry.value = value
    entry.time = time
  }

  rows(): [unknown, unknown][] {
    return [...this.#entries.values()].flatMap(({ key, value }): [unknown, unknown][] =>
      value === undefined ? [] : [[key, value]],
    )
  }
}

/** Its keys are text. */
class MapSortedStore extends MapStore implements SortedStore<unknown, unknown, unknown> {
  readonly #order: Serde<never>

  constructor(order: Serde<never>) {
    super()
    this.#order = order
  }

  override find(key: unknown): Entry<unknown, Sorted<unknown, unknown>> {
    return super.find(key) as Entry<unknown, Sorted<unknown, unknown>>
  }

  inOrder({ from, to, reverse = false }: SortedBounds<unknown> = {}): Entry<unknown, Sorted<unknown, unknown>>[] {
    const placed = this.rows().flatMap(([key, value]) => {
      const bytes = this.#bytes((value as Sorted<unknown, unknown>).order)
      const isIn =
        (from === undefined || bytes.compare(this.#bytes(from)) >= 0) &&
        (to === undefined || bytes.compare(this.#bytes(to)) < 0)
      return isIn ? [{ bytes, key }] : []
    })
    placed.sort((a, b) => a.bytes.compare(b.bytes) || (String(a.key) < String(b.key) ? -1 : 1))
    if (reverse) placed.reverse()
    return placed.map(({ key }) => this.find(key))
  }

  #bytes(order: unknown): Buffer {
    const out = new ByteWriter()
    const serde = this.#order as unknown as Serde<unknown>
    serde.encode(order, out)
    makeSortable(serde.order, out.buffer, 0, out.position)
    return out.toBytes()
  }
}
