/** A value in the write-back layer and its key. Made by the store; only the store writes its fields. */
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

/** A value, and what its entry is sorted by. */
export interface Sorted<V, O> {
  readonly value: V
  readonly order: O
}

/**
 * A store by key that also has its entries in a second order. A value that is set takes the place of its order, and the place
 * of the value before is given up, in the same commit.
 */
export interface SortedStore<K, V, O> extends KeyValueStore<K, Sorted<V, O>> {
  /**
   * The entries whose order is at least `from` and less than `to`, by order, then by key; in reverse from the last to the
   * first. Without a bound: all. The cost is that of what is taken. The walk visits an entry where it is when the walk comes
   * there; an entry that moves forward during the walk may come twice.
   */
  inOrder(bounds?: SortedBounds<O>): Iterable<Entry<K, Sorted<V, O>>>
}

export interface SortedBounds<O> {
  readonly from?: O
  readonly to?: O
  /** Default: false. */
  readonly reverse?: boolean
}

/** What the stores by key and time have in common. `E` is their entry. The time of an entry is what their order goes by. */
export interface TimedStore<K, V, E extends Entry<K, V>> {
  set(entry: Entry<K, V>, value: V | undefined, time?: number): void
  /** The first time at or after `from` that may have entries; undefined if no such time has any. */
  firstTime(from: number): number | undefined
  /** The last time before `before` that may have entries; undefined if no such time has any. */
  lastTime(before: number): number | undefined
  /**
   * Begins a scan of the entries of one time, whatever their keys, after `after` if that is given. The time must not get new
   * keys before the scan ends. Commits may happen between its steps.
   */
  scan(time: number, after?: string): TimeScan<E>
  /**
   * Deletes some of the entries before a time, in one bounded step. Returns true while there are more. The caller repeats it,
   * and may commit between the steps.
   */
  expire(before: number): boolean
}

/** A store by key and window. All its windows have the same size. The time of an entry is its window's start. */
export interface WindowStore<K, V> extends TimedStore<K, V, WindowEntry<K, V>> {
  find(key: K, windowStart: number): WindowEntry<K, V>
}

/** A value of a key and window, or of a key and interval. */
export interface WindowEntry<K, V> extends Entry<K, V> {
  readonly start: number
  readonly end: number
}

/**
 * A store by key and interval: windows of any length, several of a key, which may overlap. The time of an entry is its
 * interval's end: a step closes and expires intervals in the order of their ends.
 */
export interface IntervalStore<K, V> extends TimedStore<K, V, WindowEntry<K, V>> {
  /** The entry of an interval. Throws if it does not end after it starts. */
  find(key: K, start: number, end: number): WindowEntry<K, V>
  /**
   * The intervals of a key that have a time in common with `from` (inclusive) to `to` (exclusive), by start, then by end; in
   * reverse from the last to the first. Without bounds: all. The cost is that of what it returns. Changes during the walk do not
   * change what it visits, except that it skips what was deleted.
   */
  ofKey(key: K, from?: number, to?: number, reverse?: boolean): Iterable<WindowEntry<K, V>>
}

/** A value of a key and instant. */
export interface InstantEntry<K, V> extends Entry<K, V> {
  /** The instant: event time, ms. */
  readonly at: number
  /** Distinguishes the entries of a key that have the same instant. */
  readonly sequence: number
}

/** A store by key and instant, with a sequence: several entries of a key and instant. The time of an entry is its instant. */
export interface InstantStore<K, V> extends TimedStore<K, V, InstantEntry<K, V>> {
  find(key: K, at: number, sequence: number): InstantEntry<K, V>
  /** The entries of a key from `from` (inclusive) to `to` (exclusive), by instant, then by sequence; else as for intervals. */
  ofKey(key: K, from?: number, to?: number, reverse?: boolean): Iterable<InstantEntry<K, V>>
}

/**
 * A walk over the entries of one time, in steps that are short however many entries there are. The order of the entries
 * depends on them alone, so that it is the same after a restart; those of one key are in the order of their sequences. The cost
 * is that of the entries.
 */
export interface TimeScan<E> {
  readonly time: number
  /** The entry that the last step reached: to be read. To change it, find it. */
  readonly entry: E
  /** The place of that entry in the order, as text, from which `scan` continues; undefined before the first entry. */
  readonly place: string | undefined
  /** Whether the entry comes after another place of this time, which may be of an earlier scan. */
  isAfter(place: string): boolean
  /** `entry`: the scan is at the next entry. `gathering`: not there yet, step again. `end`: the last entry is behind it. */
  step(): 'entry' | 'gathering' | 'end'
}
