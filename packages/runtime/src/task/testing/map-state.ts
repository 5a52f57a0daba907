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
    const id = idOf(key)
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      entry = { key, value: undefined, time: 0 }
      this.#entries.set(id, entry)
    }
    return entry
  }

  set({ key }: Entry<unknown, unknown>, value: unknown, time = 0): void {
    const entry = this.#entries.get(idOf(key))
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

/** Keys are text, or pairs of texts. */
function idOf(key: unknown): unknown {
  return Array.isArray(key) ? key.join('\0') : key
}

/** Its keys are text, or pairs of texts. */
class MapSortedStore extends MapStore implements SortedStore<unknown, unknown, unknown> {
  readonly #order: Serde<never>

  constructor(order: Serde<never>) {
    super()
    this.#order = order
  }

  override find(key: unknown): Entry<unknown, Sorted<unknown, unknown>> {
    return super.find(key) as Entry<unknown, Sorted<unknown, unknown>>
  }

  *inOrder({
    from,
    to,
    reverse = false,
  }: SortedBounds<unknown> = {}): Generator<Entry<unknown, Sorted<unknown, unknown>>, void> {
    const bounds = {
      from: from === undefined ? '' : this.#text(from),
      to: to === undefined ? undefined : this.#text(to),
    }
    let after: string | undefined
    for (;;) {
      const placed = this.rows().flatMap(([key, value]) => {
        const order = this.#text((value as Sorted<unknown, unknown>).order)
        const place = `${order}\0${idOf(key)}`
        const isIn = order >= bounds.from && (bounds.to === undefined || order < bounds.to)
        const isNext = after === undefined || (reverse ? place < after : place > after)
        return isIn && isNext ? [{ place, key }] : []
      })
      placed.sort((a, b) => (a.place < b.place === reverse ? 1 : -1))
      const [next] = placed
      if (next === undefined) return
      after = next.place
      yield this.find(next.key)
    }
  }

  #text(order: unknown): string {
    return this.#bytes(order).toString('latin1')
  }

  #bytes(order: unknown): Buffer {
    const out = new ByteWriter()
    const serde = this.#order as unknown as Serde<unknown>
    serde.encode(order, out)
    makeSortable(serde.order, out.buffer, 0, out.position)
    return out.toBytes()
  }
}
