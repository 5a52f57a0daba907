import type { Entry, InstantEntry, TimedStore, TimeScan, WindowEntry } from '@millrace/core/internal'
import { MapUndo } from './map-undo.ts'

/** An entry of a store by key and time; in a store by instant, `start` is the instant, and `end` the sequence. */
export interface MapTimedEntry<K, V> extends WindowEntry<K, V>, InstantEntry<K, V> {
  value: V | undefined
  time: number
}

/** The entries of a store by key and time, in a Map. Keys are compared as text. */
export class MapTimedEntries<K, V> extends MapUndo implements TimedStore<K, V, MapTimedEntry<K, V>> {
  readonly #byEnd: boolean
  readonly #entries = new Map<string, MapTimedEntry<K, V>>()

  /** `byEnd`: the time of an entry is its end. */
  constructor(byEnd: boolean) {
    super()
    this.#byEnd = byEnd
  }

  set(entry: Entry<K, V>, value: V | undefined, time = 0): void {
    const own = this.#own(entry)
    this.note(own)
    Object.assign(own, { value, time })
  }

  firstTime(from: number): number | undefined {
    return this.#times().find((time) => time >= from)
  }

  lastTime(before: number): number | undefined {
    return this.#times().findLast((time) => time < before)
  }

  scan(time: number, after?: string): TimeScan<MapTimedEntry<K, V>> {
    const entries = this.inOrder().filter((entry) => this.#timeOf(entry) === time)
    return new ListedScan(time, entries, after)
  }

  expire(before: number): boolean {
    const expired = this.inOrder().find((entry) => this.#timeOf(entry) < before)
    if (expired === undefined) return false
    this.set(expired, undefined)
    return true
  }

  rows(): [K, number, V][] {
    return [...this.#entries.values()].flatMap(({ key, start, value }): [K, number, V][] =>
      value === undefined ? [] : [[key, start, value]],
    )
  }

  /** The entries that have a value, by start, then by end, then by key. */
  inOrder(): MapTimedEntry<K, V>[] {
    return [...this.#entries.values()]
      .filter(({ value }) => value !== undefined)
      .sort((a, b) => a.start - b.start || a.end - b.end || (keyText(a.key) < keyText(b.key) ? -1 : 1))
  }

  protected entryOf(key: K, start: number, end: number): MapTimedEntry<K, V> {
    const id = idOf({ key, start, end })
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      entry = { key, start, end, at: start, sequence: end, value: undefined, time: 0 }
      this.#entries.set(id, entry)
    }
    return entry
  }

  #own(entry: Entry<K, V>): MapTimedEntry<K, V> {
    for (const own of this.#entries.values()) if (own === entry) return own
    throw new Error(`No entry was found for the key ${entry.key}`)
  }

  #times(): number[] {
    return this.inOrder()
      .map((entry) => this.#timeOf(entry))
      .sort((a, b) => a - b)
  }

  #timeOf({ start, end }: MapTimedEntry<K, V>): number {
    return this.#byEnd ? end : start
  }
}

function idOf({ key, start, end }: Pick<MapTimedEntry<unknown, unknown>, 'key' | 'start' | 'end'>): string {
  return `${start} ${end} ${keyText(key)}`
}

/** A key as text; equal keys have equal text. */
export function keyText(key: unknown): string {
  return typeof key === 'object' ? JSON.stringify(key) : String(key)
}

class ListedScan<K, V> implements TimeScan<MapTimedEntry<K, V>> {
  readonly time: number
  readonly #entries: readonly MapTimedEntry<K, V>[]
  #next = 0
  #place: string | undefined

  constructor(time: number, entries: readonly MapTimedEntry<K, V>[], after: string | undefined) {
    this.time = time
    this.#entries = entries.slice(entries.findIndex((entry) => idOf(entry) === after) + 1)
    this.#place = after
  }

  get entry(): MapTimedEntry<K, V> {
    const entry = this.#entries[this.#next - 1]
    if (entry === undefined) throw new Error('The scan is not at an entry')
    return entry
  }

  get place(): string | undefined {
    return this.#place
  }

  isAfter(place: string): boolean {
    return this.#next - 1 > this.#entries.findIndex((entry) => idOf(entry) === place)
  }

  step(): 'entry' | 'end' {
    const entry = this.#entries[this.#next]
    if (entry === undefined) return 'end'
    this.#next++
    this.#place = idOf(entry)
    return 'entry'
  }
}
