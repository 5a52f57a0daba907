import type { InstantStore, IntervalStore } from '@millrace/core/internal'
import { keyText, MapTimedEntries, type MapTimedEntry } from './map-timed-entries.ts'

/** A store by interval, or by instant, in a Map, for testing operators alone. */
export class MapTimedStore<K, V> extends MapTimedEntries<K, V> implements IntervalStore<K, V>, InstantStore<K, V> {
  readonly #kind: 'interval' | 'instant'

  constructor(kind: 'interval' | 'instant') {
    super(kind === 'interval')
    this.#kind = kind
  }

  find(key: K, start: number, end: number): MapTimedEntry<K, V> {
    return this.entryOf(key, start, end)
  }

  ofKey(
    key: K,
    from = Number.NEGATIVE_INFINITY,
    to = Number.POSITIVE_INFINITY,
    reverse = false,
  ): readonly MapTimedEntry<K, V>[] {
    const found = this.inOrder().filter(
      ({ key: own, start, end }) =>
        keyText(own) === keyText(key) && start < to && (this.#kind === 'interval' ? end > from : start >= from),
    )
    return reverse ? found.reverse() : found
  }
}
