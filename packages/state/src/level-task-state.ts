import { type GroupPosition, MillraceError, RecordError, type RecordGroup } from '@millrace/core'
import type {
  Checkpoint,
  CommittedStore,
  FrozenCommit,
  InstantStore,
  IntervalStore,
  KeyValueStore,
  SortedStore,
  StatePosition,
  StateRestorer,
  StoreChange,
  StoreDescription,
  TaskState,
  WindowStore,
} from '@millrace/core/internal'
import { appendCheckpoint, appendIdentity } from './changelog/changelog-records.ts'
import { ChangelogRun } from './changelog/changelog-run.ts'
import { LevelRestorer, type RestoredCommit } from './changelog/level-restorer.ts'
import { encodePosition, POSITION_KEY, type PositionRecord, START } from './changelog/position-record.ts'
import { CommitBuffer } from './commit-buffer.ts'
import { type Database, withChecksum } from './database.ts'
import { FrozenState } from './frozen-commit.ts'
import { IDENTITY_KEY, type StateIdentity } from './identity.ts'
import { TaskStore } from './task-store.ts'
import type { WriteBackStore } from './write-back/write-back-store.ts'

/** The assumed size of an entry before the first commit measures it. */
const ENTRY_BYTES_GUESS = 128

export interface StateLimits {
  readonly dirtyBytesMax: number
  readonly entriesMax: number
}

/** A task's state in one LevelDB: write-back entries in memory, above the committed entries. */
export class LevelTaskState implements TaskState {
  readonly #database: Database
  readonly #identity: StateIdentity
  readonly #limits: StateLimits
  readonly #stores = new Map<string, TaskStore>()
  readonly #writeBack: readonly WriteBackStore[]
  readonly #buffer = new CommitBuffer()
  #entryBytes = ENTRY_BYTES_GUESS
  #record: PositionRecord = START
  #frozen: FrozenState | undefined
  /** A commit is between freeze and apply. */
  #pending = false

  constructor(
    database: Database,
    identity: StateIdentity,
    descriptions: readonly StoreDescription[],
    limits: StateLimits,
  ) {
    this.#database = database
    this.#identity = identity
    this.#limits = limits
    for (const store of descriptions) this.#stores.set(store.name, new TaskStore(store, this.#stores.size, database))
    this.#writeBack = [...this.#stores.values()].map(({ writeBack }) => writeBack)
  }

  get position(): StatePosition {
    const { nextOffset, checksum } = this.#record
    return { nextOffset, checksum }
  }

  get checkpoint(): Checkpoint {
    return this.#record.checkpoint
  }

  get dirtyBytes(): number {
    let size = 0
    let dirty = 0
    for (const { writeBack } of this.#stores.values()) {
      size += writeBack.size
      dirty += writeBack.changes.size
    }
    // Only a commit drops entries: a state that holds too many, changed or not, needs an early commit.
    return Math.max(dirty * this.#entryBytes, size > this.#limits.entriesMax ? this.#limits.dirtyBytesMax : 0)
  }

  keyValueStore<K, V>(name: string): KeyValueStore<K, V> {
    const { keyValue } = this.#storeOf(name)
    if (keyValue === undefined) throw new Error(`Store ${name} is not by key alone`)
    return keyValue as KeyValueStore<K, V>
  }

  sortedStore<K, V, O>(name: string): SortedStore<K, V, O> {
    const { sorted } = this.#storeOf(name)
    if (sorted === undefined) throw new Error(`Store ${name} is not sorted`)
    return sorted as SortedStore<K, V, O>
  }

  windowStore<K, V>(name: string): WindowStore<K, V> {
    const { windowed } = this.#storeOf(name)
    if (windowed === undefined) throw new Error(`Store ${name} has no windows`)
    return windowed as WindowStore<K, V>
  }

  intervalStore<K, V>(name: string): IntervalStore<K, V> {
    const { intervals } = this.#storeOf(name)
    if (intervals === undefined) throw new Error(`Store ${name} has no intervals`)
    return intervals as IntervalStore<K, V>
  }

  instantStore<K, V>(name: string): InstantStore<K, V> {
    const { instants } = this.#storeOf(name)
    if (instants === undefined) throw new Error(`Store ${name} has no instants`)
    return instants as InstantStore<K, V>
  }

  committed<K, V>(name: string): CommittedStore<K, V> {
    return this.#storeOf(name).committed as CommittedStore<K, V>
  }

  /** Reads LevelDB's side; called once it is open. `record` is null if it is new and empty. */
  async load(record: PositionRecord | null): Promise<void> {
    if (record === null) await this.#begin()
    this.#record = record ?? START
    this.#pending = false
    for (const { writeBack } of this.#stores.values()) await writeBack.load()
  }

  mark(): void {
    for (const writeBack of this.#writeBack) writeBack.changes.mark()
  }

  release(): void {
    for (const writeBack of this.#writeBack) writeBack.changes.release()
  }

  rewind(): void {
    for (const writeBack of this.#writeBack) writeBack.changes.rewind()
  }

  restorer(): StateRestorer {
    if (this.#pending) throw new Error('A state must be restored before it is used')
    return new LevelRestorer({
      job: this.#identity.job,
      task: this.#identity.task,
      inputs: this.#identity.inputs,
      stores: new Map(Array.from(this.#stores.values(), (store) => [store.keyName, store])),
      apply: (run) => this.#applyRun(run),
    })
  }

  freeze(group: RecordGroup, timestamp: number, checkpoint: Checkpoint): FrozenCommit {
    if (this.#pending) throw new Error('The previous commit is not applied yet')
    const buffer = this.#buffer
    this.#frozen?.end()
    this.#evict()
    buffer.clear()
    const run = new ChangelogRun(group, this.#identity.task, timestamp)
    let entries = 0
    try {
      for (const store of this.#stores.values()) encodeStore(store, buffer, run)
      entries = buffer.operations
      if (entries > 0) this.#entryBytes = Math.ceil(buffer.bytes / entries)
      if (!this.#record.described) {
        for (const { keyName, identity } of this.#stores.values()) appendIdentity(buffer, run, keyName, identity)
      }
      appendCheckpoint(buffer, run, checkpoint)
      run.close()
      // The indexes may have to be read. After an error of that, the database is not used any more.
      for (const writeBack of this.#writeBack) writeBack.settle(buffer)
    } catch (error) {
      group.discard()
      throw error
    }
    this.#frozen = new FrozenState(buffer, entries, checkpoint, this.#stores)
    this.#pending = true
    return this.#frozen
  }

  async apply(commit: FrozenCommit, position: GroupPosition): Promise<void> {
    if (!this.#pending || commit !== this.#frozen)
      throw new Error('Only the commit that was frozen last can be applied')
    await this.#write(this.#buffer, { ...position, checkpoint: this.#frozen.checkpoint, described: true })
    this.#pending = false
  }

  readChange(
    store: string,
    bytes: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
  ): StoreChange | undefined {
    const found = this.#storeOf(store)
    if (keyStart < 0 || !found.codec.isKey(bytes, keyStart, keyEnd)) return undefined
    return found.readChange(bytes, keyStart, keyEnd, valueStart, valueEnd)
  }

  async discard(): Promise<void> {
    await this.#database.destroy()
    await this.#database.open()
    await this.load(null)
  }

  async close(): Promise<void> {
    await this.#database.close()
  }

  async #begin(): Promise<void> {
    const identity = Buffer.from(JSON.stringify(this.#identity))
    const batch = this.#database.level.batch()
    batch.put(IDENTITY_KEY, withChecksum(IDENTITY_KEY, identity))
    batch.put(POSITION_KEY, withChecksum(POSITION_KEY, encodePosition(START)))
    await this.#database.write(batch)
  }

  async #applyRun({ buffer, position, checkpoint, described }: RestoredCommit): Promise<void> {
    const unchanged = [...this.#record.checkpoint].filter(([topic]) => !checkpoint.has(topic))
    const merged = new Map([...unchanged, ...checkpoint])
    await this.#write(buffer, { ...position, checkpoint: merged, described: described || this.#record.described })
    for (const writeBack of this.#writeBack) writeBack.forget()
  }

  async #write(buffer: CommitBuffer, record: PositionRecord): Promise<void> {
    const batch = this.#database.level.batch()
    buffer.addTo(batch)
    batch.put(POSITION_KEY, withChecksum(POSITION_KEY, encodePosition(record)))
    // Not synced: the changelog is synced, and the position shows whether a state lost its last batches.
    await this.#database.write(batch)
    this.#record = record
    for (const writeBack of this.#writeBack) writeBack.applied()
  }

  /** Every unchanged entry is in LevelDB now, as the previous commit was applied. */
  #evict(): void {
    let size = 0
    for (const { writeBack } of this.#stores.values()) size += writeBack.size
    // Down to three quarters, so that the next commits do not evict again.
    const share = size > this.#limits.entriesMax ? (this.#limits.entriesMax * 0.75) / size : 1
    for (const { writeBack } of this.#stores.values()) writeBack.evict(Math.floor(writeBack.size * share))
  }

  #storeOf(name: string): TaskStore {
    const store = this.#stores.get(name)
    if (store === undefined) throw new Error(`Task ${this.#identity.task} has no store ${name}`)
    return store
  }
}

function encodeStore({ name, writeBack, owner }: TaskStore, buffer: CommitBuffer, run: ChangelogRun): void {
  try {
    writeBack.encode(buffer, owner, run)
  } catch (cause) {
    if (cause instanceof MillraceError) throw cause
    // Each value could be encoded when it was set.
    throw new RecordError(
      'RECORD_UNENCODABLE',
      `Store ${name} cannot write a value: ${cause instanceof Error ? cause.message : cause}. A callback changed the value ` +
        `after it had returned it. Return a new value instead of changing an old one`,
      { store: name, cause },
    )
  }
}
