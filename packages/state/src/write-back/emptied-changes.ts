import { Changes } from './changes.ts'
import type { WriteBackEntry } from './write-back-entry.ts'

/** The changes of a store that forgets at once where an entry was that came and went between two commits. */
export class EmptiedChanges<K, V, E extends WriteBackEntry<K, V>> extends Changes<K, V, E> {
  readonly #forget: (entry: E) => void
  /** Entries without a value that LevelDB does not have; a rollback may give them back their values. */
  readonly #emptied: E[] = []

  constructor(forget: (entry: E) => void) {
    super()
    this.#forget = forget
  }

  override change(entry: E, value: V | undefined, time: number): void {
    super.change(entry, value, time)
    if (value !== undefined || entry.stored) return
    if (this.open) this.#emptied.push(entry)
    else this.#forget(entry)
  }

  override release(): void {
    super.release()
    for (const entry of this.#emptied) if (entry.value === undefined) this.#forget(entry)
    this.#emptied.length = 0
  }

  override rewind(): void {
    super.rewind()
    this.#emptied.length = 0
  }
}
