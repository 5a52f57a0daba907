import type { Serde } from './serde.ts'
import type { StoreShape, WindowBounds } from './store-shape.ts'
import type { GroupPosition, RecordGroup } from './writers.ts'

/**
 * The state of one task: all its stores, in one place that moves as a whole.
 *
 * Its life: `open`, then `restore` until the changelog's end, then processing reads and changes the live stores. Each commit
 * is a `freeze` (synchronous, at the moment that the input offsets are taken) and, after the log has the group, an `apply`.
 * Between the two, processing may continue; it changes live values only. One commit at a time.
 */
export interface TaskState {
  /** The changelog prefix that this state equals: 0 and no checksum for an empty prefix. */
  readonly position: StatePosition
  /** The input positions of the last applied or restored commit. */
  readonly checkpoint: Checkpoint
  /** The live store of a step. Two calls with the same name return the same store. */
  keyValueStore<K, V>(name: string): KeyValueStore<K, V>
  windowStore<K, V>(name: string): WindowStore<K, V>
  /** Committed state only, for queries. */
  committed<K, V>(name: string): CommittedStore<K, V>
  /**
   * Begins a stretch: what is set in the live stores from here on can be taken back. The stretch must end, with `release` or
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
  /** The window of a windowed store's key. */
  readonly window?: WindowBounds
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
   * often enough to bound memory.
   */
  apply(position: GroupPosition): Promise<void>
}

/** A live value and its key. Made by the store; only the store writes its fields. */
export interface Entry<K, V> {
  readonly key: K
  /** Undefined if the key has no value. */
  readonly value: V | undefined
  /** The highest event time of what the value was computed from, ms. Stores that are `timed` keep it; else it is 0. */
  readonly time: number
}

/** A store by key, as an operator uses it: synchronous, decoded, over the write-back layer. */
export interface KeyValueStore<K, V> {
  /** The entry of a key, loaded if needed; the same object until the next freeze at least. */
  find(key: K): Entry<K, V>
  /** Gives the entry a value; undefined deletes. `time` is for `timed` stores: see `Entry.time`. Default 0. */
  set(entry: Entry<K, V>, value: V | undefined, time?: number): void
}

/** A store by key and window. All its windows have the same size. */
export interface WindowStore<K, V> {
  find(key: K, windowStart: number): Entry<K, V>
  set(entry: Entry<K, V>, value: V | undefined, time?: number): void
  /** The start of the first window at or after `from` that may have entries; undefined if there is none. */
  firstWindow(from: number): number | undefined
  /**
   * Begins a scan of one window's entries, after `after` if that is given. The window must not get new keys before the scan
   * ends. Commits may happen between its steps.
   */
  scan(windowStart: number, after?: string): WindowScan<K, V>
  /**
   * Deletes some of the entries whose windows start before `before`, in one bounded step. Returns true while there are more.
   * The caller repeats it, and may commit between the steps.
   */
  expire(before: number): boolean
}

/**
 * A walk over the entries of one window, in steps that are short however many entries there are. The order of the entries
 * depends on the keys alone, so that it is the same after a restart. The cost is that of the entries.
 */
export interface WindowScan<K, V> {
  readonly windowStart: number
  /** The entry that the last step reached. */
  readonly key: K
  readonly value: V
  /** The place of that entry in the order, as text, from which `scan` continues; undefined before the first entry. */
  readonly place: string | undefined
  /** `entry`: the scan is at the next entry. `gathering`: not there yet, step again. `end`: there are no more. */
  step(): 'entry' | 'gathering' | 'end'
}

/** A key and value as a query sees it. */
export interface StoredEntry<K, V> {
  readonly key: K
  readonly window?: WindowBounds
  readonly value: V
}

/** Which entries a range query wants. All bounds are by stored order; each is optional. */
export interface StoreRange<K> {
  /** Only this key: in a windowed store all its windows. The cost is that of its entries. */
  readonly key?: K
  /** First key, inclusive. */
  readonly from?: K
  /** Last key, exclusive. */
  readonly to?: K
  /** Only keys whose encoded bytes start with these; for string keys, the UTF-8 of a prefix. */
  readonly prefix?: Buffer
  /** Windows that start at or after. */
  readonly windowFrom?: number
  /** Windows that start before. */
  readonly windowTo?: number
  /** From the last entry to the first. Default: false. */
  readonly reverse?: boolean
  /** Continue after this place in the page's order: any of `StorePage.order`, also one from another task's store. */
  readonly after?: Buffer
  /** At most this many entries; at least 1. */
  readonly limit: number
  /** Ends the page once its entries have this many stored bytes. The page has its first entry whatever its size. Default: no bound. */
  readonly bytesMax?: number
  /** Ends the page once this many entries were read, skipped ones included; at least 1. Default: no bound. */
  readonly looksMax?: number
  /** Ends the page once this many stored bytes were read, skipped ones included. Default: no bound. */
  readonly lookBytesMax?: number
  /** Called between two reads, after the first: true ends the page. Default: never. */
  readonly enough?: () => boolean
}

export interface StorePage<K, V> {
  /** Values are decoded when they are read: until then a page holds their stored bytes. */
  readonly entries: readonly StoredEntry<K, V>[]
  /**
   * The place in stored order up to which the page is complete, if more may follow: the next page's `after`. Null at the end.
   * It is the last entry's `order`, or a later place if entries that were read after it did not match.
   */
  readonly next: Buffer | null
  /** The stored bytes of the entries. */
  readonly bytes: number
  /** The stored order of each entry, parallel to `entries`: comparing the bytes merges pages of several tasks. */
  readonly order: readonly Buffer[]
}

/**
 * What is committed in one store; never what processing holds in memory. All entries of one call are from one commit: the
 * last one whose `apply` resolved before the call, or a later one. So the answer has reached every position that was noted
 * before the call.
 */
export interface CommittedStore<K, V> {
  get(key: K): Promise<V | undefined>
  /** The entry of the key's window that starts at `windowStart`. */
  getWindow(key: K, windowStart: number): Promise<StoredEntry<K, V> | undefined>
  range(range: StoreRange<K>): Promise<StorePage<K, V>>
}

/** What a task must know about a store to open it. */
export interface StoreDescription {
  readonly name: string
  readonly key: Serde<never>
  readonly value: Serde<never>
  readonly shape: StoreShape
  /** Whether the store keeps `Entry.time` with each value. */
  readonly timed: boolean
  /** The store's incarnation, counted from 1: a store that was started empty again has nothing of the one before. Default 1. */
  readonly incarnation?: number
}
