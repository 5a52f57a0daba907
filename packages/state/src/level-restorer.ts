import type { GroupPosition } from '@millrace/core'
import type { Checkpoint, InputCheckpoint, StateRestorer } from '@millrace/core/internal'
import { isLastPart, readChangelogKey, readCheckpoint, readIdentity } from './changelog-records.ts'
import { CommitBuffer } from './commit-buffer.ts'
import { checkStore } from './identity.ts'
import type { TaskStore } from './task-store.ts'

/** A run of whole groups, ready to be written: its entries in the order of a commit, and its other records. */
export interface RestoredRun {
  readonly buffer: CommitBuffer
  readonly position: GroupPosition
  readonly checkpoint: Checkpoint
  readonly described: boolean
}

interface RestoredEntry {
  readonly store: TaskStore
  readonly key: Buffer
  readonly value: Buffer | undefined
}

export interface RestoreTarget {
  readonly job: string
  readonly task: string
  readonly inputs: readonly string[]
  /** By the prefix of their keys. */
  readonly stores: ReadonlyMap<string, TaskStore>
  apply(run: RestoredRun): Promise<void>
}

/** Turns a changelog's records into state. Of each key, it writes only the last value in a run. */
export class LevelRestorer implements StateRestorer {
  readonly #target: RestoreTarget
  readonly #entries = new Map<string, RestoredEntry>()
  readonly #inputs = new Map<string, InputCheckpoint>()
  readonly #identified = new Set<string>()
  readonly #buffer = new CommitBuffer()
  /** The tasks that wrote groups of which only the first batches were added, and which concern this task. */
  readonly #openGroups = new Set<string>()
  /** Whether the present batch has held anything that this task needs. */
  #concerned = false

  constructor(target: RestoreTarget) {
    this.#target = target
  }

  get whole(): boolean {
    return this.#openGroups.size === 0
  }

  beginBatch(): void {
    this.#concerned = false
  }

  add(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void {
    if (keyStart < 0 || keyStart === keyEnd) return
    const about = readChangelogKey(bytes, keyStart, keyEnd)
    if (about.kind === 'part') {
      if (valueStart < 0 || isLastPart(bytes, valueStart, valueEnd)) this.#openGroups.delete(about.task)
      else if (this.#concerned) this.#openGroups.add(about.task)
      return
    }
    if (about.kind === 'checkpoint') {
      if (valueStart < 0 || !this.#target.inputs.includes(about.topic)) return
      this.#concerned = true
      // Deleted first, so that this input comes after those of other topics that came before it.
      this.#inputs.delete(about.topic)
      this.#inputs.set(about.topic, readCheckpoint(bytes, valueStart, valueEnd))
      return
    }
    const store = this.#target.stores.get(about.store)
    if (store === undefined) return
    if (about.kind === 'identity') {
      if (valueStart < 0) return
      const { job, task } = this.#target
      checkStore(store.name, readIdentity(bytes, valueStart, valueEnd), store.identity, job, task)
      this.#identified.add(store.name)
      this.#concerned = true
      return
    }
    // Copied, because the reader uses the batch's bytes again.
    const value = valueStart < 0 ? undefined : Buffer.from(bytes.subarray(valueStart, valueEnd))
    const key = Buffer.from(bytes.subarray(keyStart, keyEnd))
    this.#entries.set(bytes.latin1Slice(keyStart, keyEnd), { store, key, value })
    this.#concerned = true
  }

  async apply(position: GroupPosition): Promise<void> {
    if (!this.whole) throw new Error('A part of a group cannot be applied')
    const buffer = this.#buffer
    buffer.clear()
    for (const entry of this.#entries.values()) this.#encode(entry)
    for (const { live } of this.#target.stores.values()) live.settleRestored(buffer)
    await this.#target.apply({
      buffer,
      position,
      checkpoint: new Map(this.#inputs),
      described: this.#identified.size === this.#target.stores.size,
    })
    this.#entries.clear()
    this.#inputs.clear()
  }

  #encode({ store, key, value }: RestoredEntry): void {
    const buffer = this.#buffer
    store.live.restored(key, value)
    buffer.beginKey(store.owner)
    buffer.out.bytes(key)
    if (value === undefined) {
      buffer.endDeletion()
      return
    }
    buffer.beginValue()
    buffer.out.bytes(value)
    buffer.endValue()
  }
}
