import type { Entry, KeyValueStore } from '@millrace/core/internal'
import { MapWindowStore } from '../../operators/testing/map-window-store.ts'
import type { PipelineState } from '../pipeline-state.ts'

interface MutableEntry extends Entry<unknown, unknown> {
  value: unknown
  time: number
}

/** A task's stores in maps, for testing what tasks do alone. Nothing in it is kept. */
export class MapState implements PipelineState {
  readonly #stores = new Map<string, MapStore>()
  readonly #windowed = new Map<string, MapWindowStore<unknown, unknown>>()

  keyValueStore<K, V>(name: string): KeyValueStore<K, V> {
    const store = this.#stores.get(name) ?? new MapStore()
    this.#stores.set(name, store)
    return store as unknown as KeyValueStore<K, V>
  }

  windowStore<K, V>(name: string): MapWindowStore<K, V> {
    const store = this.#windowed.get(name) ?? new MapWindowStore()
    this.#windowed.set(name, store)
    return store as unknown as MapWindowStore<K, V>
  }

  /** The rows of a store by key. */
  rows(name: string): Record<string, unknown> {
    return Object.fromEntries(this.#stores.get(name)?.rows() ?? [])
  }

  mark(): void {
    for (const store of [...this.#stores.values(), ...this.#windowed.values()]) store.mark()
  }

  release(): void {
    for (const store of [...this.#stores.values(), ...this.#windowed.values()]) store.release()
  }

  rewind(): void {
    for (const store of [...this.#stores.values(), ...this.#windowed.values()]) store.rewind()
  }
}

class MapStore implements KeyValueStore<unknown, unknown> {
  readonly #entries = new Map<unknown, MutableEntry>()
  #undo: [MutableEntry, unknown, number][] | undefined

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
    this.#undo?.push([entry, entry.value, entry.time])
    entry.value = value
    entry.time = time
  }

  mark(): void {
    this.#undo = []
  }

  release(): void {
    this.#undo = undefined
  }

  rewind(): void {
    for (const [entry, value, time] of this.#undo?.reverse() ?? []) Object.assign(entry, { value, time })
    this.#undo = undefined
  }

  rows(): [unknown, unknown][] {
    return [...this.#entries.values()].flatMap(({ key, value }): [unknown, unknown][] =>
      value === undefined ? [] : [[key, value]],
    )
  }
}
