import type { ChangelogRun } from '../changelog/changelog-run.ts'
import type { Values } from '../codecs/value-codec.ts'
import type { CommitBuffer } from '../commit-buffer.ts'
import { UndoLog } from './undo-log.ts'
import type { WriteBackEntry } from './write-back-entry.ts'

/** The entries of a write-back store that changed since the last freeze, each once. */
export class Changes<K, V, E extends WriteBackEntry<K, V> = WriteBackEntry<K, V>> {
  readonly #entries: E[] = []
  readonly #undo = new UndoLog<K, V>()

  /** In the order of their first changes. */
  get entries(): readonly E[] {
    return this.#entries
  }

  get size(): number {
    return this.#entries.length
  }

  change(entry: E, value: V | undefined, time: number): void {
    if (this.#undo.open) this.#undo.note(entry)
    entry.value = value
    entry.time = time
    if (entry.dirty) return
    entry.dirty = true
    this.#entries.push(entry)
  }

  /** Whether the changes that are made now may be rolled back. */
  protected get open(): boolean {
    return this.#undo.open
  }

  /** Begins a stretch of changes that can be rolled back. */
  mark(): void {
    this.#undo.mark()
  }

  /** Ends the stretch; its changes stay. */
  release(): void {
    this.#undo.release()
  }

  /** Ends the stretch; its changes are rolled back. */
  rewind(): void {
    this.#undo.rewind(this.#entries)
  }

  /** Encodes what LevelDB does not have. `writeKey` appends an entry's key. Changes no entry: it may throw half-way. */
  encode(
    buffer: CommitBuffer,
    owner: number,
    run: ChangelogRun,
    values: Values<V>,
    writeKey: (entry: E) => void,
  ): void {
    for (const entry of this.#entries) {
      if (entry.value === undefined && !entry.stored) continue
      buffer.beginKey(owner)
      writeKey(entry)
      if (entry.value === undefined) buffer.endDeletion()
      else {
        buffer.beginValue()
        values.write(buffer.out, entry.value, entry.time)
        buffer.endValue()
      }
      buffer.appendLast(run)
    }
  }

  /** What was encoded counts as stored from now on. */
  settle(): void {
    for (const entry of this.#entries) {
      entry.dirty = false
      entry.stored = entry.value !== undefined
    }
  }

  clear(): void {
    this.#entries.length = 0
  }
}
