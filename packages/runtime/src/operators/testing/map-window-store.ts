import type { Entry, WindowScan, WindowStore } from '@millrace/core/internal'

interface MutableEntry<K, V> extends Entry<K, V> {
  value: V | undefined
  time: number
  readonly start: number
}

/** A window store in a Map, for testing operators alone. */
export class MapWindowStore<K, V> implements WindowStore<K, V> {
  readonly #entries = new Map<string, MutableEntry<K, V>>()
  #undo: [Entry<K, V>, V | undefined, number][] | undefined

  find(key: K, start: number): Entry<K, V> {
    const id = `${start} ${key}`
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      entry = { key, value: undefined, time: 0, start }
      this.#entries.set(id, entry)
    }
    return entry
  }

  set(entry: Entry<K, V>, value: V | undefined, time = 0): void {
    this.#undo?.push([entry, entry.value, entry.time])
    Object.assign(entry, { value, time })
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

  firstWindow(from: number): number | undefined {
    const starts = [...this.#entries.values()].map(({ start }) => start).filter((start) => start >= from)
    return starts.length === 0 ? undefined : Math.min(...starts)
  }

  scan(windowStart: number, after?: string): WindowScan<K, V> {
    const entries = [...this.#entries.values()].filter(
      ({ start, value }) => start === windowStart && value !== undefined,
    )
    return new SortedScan(
      windowStart,
      entries.sort((a, b) => (String(a.key) < String(b.key) ? -1 : 1)),
      after,
    )
  }

  expire(before: number): boolean {
    const expired = [...this.#entries].find(([, { start }]) => start < before)
    if (expired === undefined) return false
    this.#entries.delete(expired[0])
    return true
  }

  rows(): [K, number, V][] {
    return [...this.#entries.values()].flatMap(({ key, start, value }): [K, number, V][] =>
      value === undefined ? [] : [[key, start, value]],
    )
  }
}

class SortedScan<K, V> implements WindowScan<K, V> {
  readonly windowStart: number
  readonly #entries: readonly MutableEntry<K, V>[]
  #next = 0
  #place: string | undefined

  constructor(windowStart: number, entries: readonly MutableEntry<K, V>[], after: string | undefined) {
    this.windowStart = windowStart
    this.#entries = entries.filter(({ key }) => after === undefined || String(key) > after)
    this.#place = after
  }

  get key(): K {
    return this.#current.key
  }

  get value(): V {
    // Only entries with a value are visited.
    return this.#current.value as V
  }

  get place(): string | undefined {
    return this.#place
  }

  step(): 'entry' | 'end' {
    const entry = this.#entries[this.#next]
    if (entry === undefined) return 'end'
    this.#next++
    this.#place = String(entry.key)
    return 'entry'
  }

  get #current(): MutableEntry<K, V> {
    const entry = this.#entries[this.#next - 1]
    if (entry === undefined) throw new Error('The scan is not at an entry')
    return entry
  }
}
