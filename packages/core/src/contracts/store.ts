import type { CommittedStore } from './committed-store.ts'
import type { InstantStore, IntervalStore, KeyValueStore, SortedStore, WindowStore } from './operator-store.ts'
import type { Serde } from './serde.ts'
import type { Instant, StoreShape, WindowBounds } from './store-shape.ts'
import type { GroupPosition, RecordGroup } from './writers.ts'

/**
 * The state of one task: all its stores, in one place that moves as a whole.
 *
 * Its life: `open`, then `restore` until the changelog's end, then processing reads and changes the write-back stores. Each commit
 * is a `freeze` (synchronous, at the moment that the input offsets are taken) and, after the log has the group, an `apply`.
 * Between the two, processing may continue; it changes only values in memory. One commit at a time.
 */
export interface TaskState {
  /** The changelog prefix that this state equals: 0 and no checksum for an empty prefix. */
  readonly position: StatePosition
  /** The input positions of the last applied or restored commit. */
  readonly checkpoint: Checkpoint
  /** The write-back store of a step. Two calls with the same name return the same store. */
  keyValueStore<K, V>(name: string): KeyValueStore<K, V>
  sortedStore<K, V, O>(name: string): SortedStore<K, V, O>
  windowStore<K, V>(name: string): WindowStore<K, V>
  intervalStore<K, V>(name: string): IntervalStore<K, V>
  instantStore<K, V>(name: string): InstantStore<K, V>
  /** Committed state only, for queries. */
  committed<K, V>(name: string): CommittedStore<K, V>
  /**
   * Begins a stretch: what is set in the write-back stores from here on can be taken back. The stretch must end, with `release` or
   * `rewind`, before anything else is called on the state. Throws if a stretch is open.
   */
  mark(): void
  /** Ends the stretch; what was set stays. */
  release(): void
  /** Ends the stretch. Every entry has the value that it had when the stretch began, and counts as changed only if it did then. */
  rewind(): void
  /** Opens a restore: the changelog's records from `position.nextOffset` on are added, in order. */
  restorer(): StateRestorer
  /**
   * Appends every entry that changed since the last freeze to `group` (key and value encoded once), then the
   * checkpoint's records. The returned commit holds the same bytes.
   */
  freeze(group: RecordGroup, timestamp: number, checkpoint: Checkpoint): FrozenCommit
  /** Writes a frozen commit and its position to disk in one atomic batch. Views see it when this resolves. */
  apply(commit: FrozenCommit, position: GroupPosition): Promise<void>
  /** The change of a store that a record of the changelog is, decoded; undefined for records of other kinds and of other stores. */
  readChange(
    store: string,
    bytes: Buffer,
    keyStart: number,
    keyEnd: number,
    valueStart: number,
    valueEnd: number,
  ): StoreChange | undefined
  /** Changed bytes that wait for a commit, roughly. Past `dirtyBytesMax` the task requests an early commit. */
  readonly dirtyBytes: number
  /** Deletes everything: the state is empty, at position 0, to be restored from the changelog's start. */
  discard(): Promise<void>
  close(): Promise<void>
}

export interface StatePosition {
  readonly nextOffset: number
  /** The checksum of the changelog group that ends at `nextOffset`; null at 0. */
  readonly checksum: number | null
}

/** What a commit records about one input partition. */
export interface InputCheckpoint {
  /** The offset of the next record to process. */
  readonly offset: number
  /** The input's event-time progress, as its reader keeps it: JSON that the runtime writes and reads. */
  readonly progress: unknown
  /**
   * The event time of the task that has read the input, as its clock keeps it: JSON that the runtime writes and reads. It is
   * here because only a topic identifies the task that a record of the changelog belongs to: a task's name changes with the
   * code.
   */
  readonly time?: unknown
  /**
   * How far the partition was compacted when the input began at its start: no tombstone before this offset is missed. Absent
   * once `offset` has passed it.
   */
  readonly compactedBefore?: number
  /** The batch of the last record that was processed; none before the first. */
  readonly batch?: BatchMark
}

/** Identifies a batch of an input: where it ends, and its checksum. A log that has another batch there is another log. */
export interface BatchMark {
  readonly nextOffset: number
  readonly checksum: number
}

/**
 * How far a task has come, by topic: it reads its own partition number of each. The order is that of the records in the
 * changelog, so that the later of two contradictory entries is right.
 */
export type Checkpoint = ReadonlyMap<string, InputCheckpoint>

/** One commit's entries, encoded. */
export interface FrozenCommit {
  /** What changed in one store: decoded key (with window) and value; null for a deletion. For views' live changes. */
  changes(store: string): Iterable<StoreChange>
  /** How many entries it holds, all stores together. */
  readonly entries: number
}

export interface StoreChange {
  readonly key: unknown
  /** In a store by window or interval. */
  readonly window?: WindowBounds
  /** In a store by instant. */
  readonly instant?: Instant
  readonly value: unknown
}

export interface StateRestorer {
  /** What is added from here on is in another batch of the changelog. */
  beginBatch(): void
  /** Takes one record of the changelog. Records of stores that this task does not have, and other tasks' checkpoints, are skipped. */
  add(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void
  /** Whether every group that this task needs is added to its end. Only then may `apply` be called. */
  readonly whole: boolean
  /**
   * Closes a group (or a run of whole groups): what was added becomes state, in one atomic batch with its position. Called
   * often enough to bound memory. Until it resolves, the next run may be added, but not applied.
   */
  apply(position: GroupPosition): Promise<void>
}

/** What a task must know about a store to open it. */
export interface StoreDescription {
  readonly name: string
  readonly key: Serde<never>
  readonly value: Serde<never>
  /** How views read the bytes that `value` writes, if they show something else than the step keeps. Absent: as `value` does. */
  readonly shown?: Serde<never>
  readonly shape: StoreShape
  /** Whether the store keeps `Entry.time` with each value. */
  readonly timed: boolean
  /** The store's incarnation, counted from 1: a store that was started empty again has nothing of the one before. Default 1. */
  readonly incarnation?: number
}
