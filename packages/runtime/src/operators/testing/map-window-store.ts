import type { WindowEntry, WindowStore } from '@millrace/core/internal'
import { MapTimedEntries } from './map-timed-entries.ts'

/** A window store in a Map, for testing operators alone. */
export class MapWindowStore<K, V> extends MapTimedEntries<K, V> implements WindowStore<K, V> {
  readonly #sizeMs: number

  constructor(sizeMs: number) {
    super(false)
    this.#sizeMs = sizeMs
  }

  find(key: K, start: number): WindowEntry<K, V> {
    return this.entryOf(key, start, start + this.#sizeMs)
  }
}
