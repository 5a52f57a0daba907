import type { Checkpoint, FrozenCommit, StoreChange } from '@millrace/core/internal'
import type { CommitBuffer } from './commit-buffer.ts'
import type { TaskStore } from './task-store.ts'

/** One commit of a state. It can be read only until the next freeze, which uses the buffer of its bytes again. */
export class FrozenState implements FrozenCommit {
  readonly entries: number
  readonly checkpoint: Checkpoint
  readonly #buffer: CommitBuffer
  readonly #stores: ReadonlyMap<string, TaskStore>
  #over = false

  constructor(buffer: CommitBuffer, entries: number, checkpoint: Checkpoint, stores: ReadonlyMap<string, TaskStore>) {
    this.#buffer = buffer
    this.entries = entries
    this.checkpoint = checkpoint
    this.#stores = stores
  }

  /** Ends reading: the buffer is about to be used again. */
  end(): void {
    this.#over = true
  }

  changes(name: string): Iterable<StoreChange> {
    const changes: StoreChange[] = []
    const store = this.#stores.get(name)
    if (store === undefined) throw new Error(`This task has no store ${name}`)
    if (this.#over) throw new Error('A frozen commit can be read until the next freeze')
    this.#buffer.forEach(store.owner, (...range) => changes.push(store.readChange(...range)))
    return changes
  }
}
