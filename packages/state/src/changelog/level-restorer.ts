import type { GroupPosition } from '@millrace/core'
import type { Checkpoint, StateRestorer } from '@millrace/core/internal'
import type { CommitBuffer } from '../commit-buffer.ts'
import { checkStore } from '../identity.ts'
import type { TaskStore } from '../task-store.ts'
import { isLastPart, readChangelogKey, readCheckpoint, readIdentity } from './changelog-records.ts'
import { RestoredRun } from './restored-run.ts'

/** A run of whole groups, ready to be written: its entries, and its other records. */
export interface RestoredCommit {
  readonly buffer: CommitBuffer
  readonly position: GroupPosition
  readonly checkpoint: Checkpoint
  readonly described: boolean
}

export interface RestoreTarget {
  readonly job: string
  readonly task: string
  readonly inputs: readonly string[]
  /** By the prefix of their keys. */
  readonly stores: ReadonlyMap<string, TaskStore>
  apply(commit: RestoredCommit): Promise<void>
}

/** Turns a changelog's records into state. Of each key, it writes only the last value in a run. */
export class LevelRestorer implements StateRestorer {
  readonly #target: RestoreTarget
  readonly #identified = new Set<string>()
  /** What is being added; the other run may still be written. */
  #run = new RestoredRun()
  #otherRun = new RestoredRun()
  /** The store of the last entry: mostly that of the next one too. */
  #lastStore: TaskStore | undefined
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
    const last = this.#lastStore
    if (last?.codec.isKey(bytes, keyStart, keyEnd) === true) {
      this.#run.put(last.owner, bytes, keyStart, keyEnd, valueStart, valueEnd)
      this.#concerned = true
      return
    }
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
      const { inputs } = this.#run
      inputs.delete(about.topic)
      inputs.set(about.topic, readCheckpoint(bytes, valueStart, valueEnd))
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
    this.#lastStore = store
    this.#run.put(store.owner, bytes, keyStart, keyEnd, valueStart, valueEnd)
    this.#concerned = true
  }

  async apply(position: GroupPosition): Promise<void> {
    if (!this.whole) throw new Error('A part of a group cannot be applied')
    const run = this.#run
    const { buffer } = run
    this.#run = this.#otherRun
    this.#otherRun = run
    for (const { owner, writeBack } of this.#target.stores.values()) {
      buffer.forEach(owner, (bytes, keyStart, keyEnd, valueStart, valueEnd) =>
        writeBack.restored(bytes, keyStart, keyEnd, valueStart, valueEnd),
      )
      writeBack.settleRestored(buffer)
    }
    await this.#target.apply({
      buffer,
      position,
      checkpoint: new Map(run.inputs),
      described: this.#identified.size === this.#target.stores.size,
    })
    run.clear()
  }
}
