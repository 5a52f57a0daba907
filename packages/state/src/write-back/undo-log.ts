import type { WriteBackEntry } from './write-back-entry.ts'

/** The length that the arrays keep between two stretches: most records change a few entries. */
const NOTES_KEPT_MAX = 1024

/**
 * What one stretch of processing changed in a write-back store, so that it can be rolled back. The arrays are used again: noting a
 * change allocates nothing.
 */
export class UndoLog<K, V> {
  /** Whether a stretch is open: if it is, changes must be noted. */
  open = false
  readonly #entries: WriteBackEntry<K, V>[] = []
  readonly #values: (V | undefined)[] = []
  readonly #times: number[] = []
  readonly #dirty: boolean[] = []
  #length = 0

  mark(): void {
    if (this.open) throw new Error('A marked section is still open. Release or rewind it first')
    this.open = true
  }

  /** Notes the current content of an entry, before it changes. */
  note(entry: WriteBackEntry<K, V>): void {
    const at = this.#length++
    this.#entries[at] = entry
    this.#values[at] = entry.value
    this.#times[at] = entry.time
    this.#dirty[at] = entry.dirty
  }

  release(): void {
    this.open = false
    this.#length = 0
    if (this.#entries.length > NOTES_KEPT_MAX) {
      this.#entries.length = NOTES_KEPT_MAX
      this.#values.length = NOTES_KEPT_MAX
      this.#times.length = NOTES_KEPT_MAX
      this.#dirty.length = NOTES_KEPT_MAX
    }
  }

  /** Gives every entry its old content back. `changed` is the store's list of changed entries, in the order of their changes. */
  rewind(changed: WriteBackEntry<K, V>[]): void {
    for (let at = this.#length - 1; at >= 0; at--) {
      const entry = this.#entries[at]
      if (entry === undefined) continue
      entry.value = this.#values[at]
      entry.time = this.#times[at] ?? 0
      if (this.#dirty[at] === true) continue
      entry.dirty = false
      if (changed.pop() !== entry) throw new Error('The changes of a store were not recorded in their order')
    }
    this.release()
  }
}
