import type { Entry, WindowStore } from '@millrace/core/internal'

interface MutableEntry<K, V> extends Entry<K, V> {
  value: V | undefined
  readonly start: number
}

/** A window store in a Map, for testing operators alone. */
export class MapWindowStore<K, V> implements WindowStore<K, V> {
  readonly #entries = new Map<string, MutableEntry<K, V>>()

  find(key: K, start: number): Entry<K, V> {
    const id = `${start} ${key}`
    let entry = this.#entries.get(id)
    if (entry === undefined) {
      entry = { key, value: undefined, start }
      this.#entries.set(id, entry)
    }
    return entry
  }

  set(entry: Entry<K, V>, value: V | undefined): void {
    ;(entry as MutableEntry<K, V>).value = value
  }

  forEachWindow(from: number, before: number, each: (key: K, start: number, value: V) => void): void {
    const inside = [...this.#entries.values()].filter(({ start }) => start >= from && start < before)
    inside.sort((a, b) => a.start - b.start || (String(a.key) < String(b.key) ? -1 : 1))
    for (const { key, start, value } of inside) if (value !== undefined) each(key, start, value)
  }

  expire(before: number): void {
    for (const [id, { start }] of this.#entries) if (start < before) this.#entries.delete(id)
  }

  rows(): [K, number, V][] {
    return [...this.#entries.values()].flatMap(({ key, start, value }): [K, number, V][] =>
      value === undefined ? [] : [[key, start, value]],
    )
  }
}
