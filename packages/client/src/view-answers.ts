import type { Position, Window } from '@millrace/core'

/** A value and what it reflects: everything before `position`, and perhaps more. */
export interface Answer<V> {
  /** Undefined if the key has no value. */
  readonly value: V | undefined
  readonly position: Position
  /** The parts of which standbys have answered, which may be behind; absent if none has. See `ReadOptions.stale`. */
  readonly stale?: readonly number[]
  /** The view counts every record from this position on; absent: from the start of its inputs. */
  readonly completeFrom?: Position
}

/** As `Answer`, of a view with windows. */
export interface WindowedAnswer<V> extends Answer<V> {
  /** The value's window; absent if the value is missing. */
  readonly window?: Window
}

/** An entry of a view by key. */
export interface ViewEntry<K, V> {
  readonly key: K
  readonly value: V
}

/** An entry of a view by key and window. */
export interface WindowedEntry<K, V> extends ViewEntry<K, V> {
  readonly window: Window
}

/** Some consecutive entries of a view. */
export interface Page<E> {
  readonly entries: readonly E[]
  /** Give it as `cursor` for the next page; null on the last page. A page before the last may also have few entries, or none. */
  readonly next: string | null
  readonly position: Position
  /** The parts that the page comes from, if it was requested with `parts`. */
  readonly parts?: readonly number[]
  /** The parts of which standbys have answered, which may be behind; absent if none has. See `ReadOptions.stale`. */
  readonly stale?: readonly number[]
  /** The view counts every record from this position on; absent: from the start of its inputs. */
  readonly completeFrom?: Position
}

/**
 * What a view reports to its followers.
 *
 * - `start`: every change from `position` on follows. It comes first, and again after a broken connection if what was missed cannot
 *   be sent any more: a follower that keeps a copy must then read the view again.
 * - `change`: an entry has a new value, or null if it was deleted. All changes of a commit come together, with the position
 *   that the view reflects after the commit. After a broken connection, the changes of all commits that were missed come
 *   together, each of them once and in the order of the commits of a key.
 */
export type ViewEvent<E> = ViewStart | ViewChange<E>

/** The start of a stream of changes: see `ViewEvent`. */
export interface ViewStart {
  readonly kind: 'start'
  readonly position: Position
  /** The parts whose changes follow, if they were requested with `parts`. */
  readonly parts?: readonly number[]
  /** The view counts every record from this position on; absent: from the start of its inputs. */
  readonly completeFrom?: Position
  /**
   * Why the stream begins again and does not continue after the last event: `unknown` (the view has another history now, or the
   * parts are others), `compacted`, `behind` (more was missed than the server sends again) or `unavailable`. Absent in the
   * first `start`. Later versions may have more reasons.
   */
  readonly reset?: string
}

/** A change in a stream of changes: see `ViewEvent`. */
export interface ViewChange<E> {
  readonly kind: 'change'
  readonly entry: E
  readonly position: Position
}

/** How to read. */
export interface ReadOptions {
  /** Wait until the answer reflects this position. */
  readonly after?: Position
  /** How long to wait for `after` at most, in ms; after that, `POSITION_NOT_REACHED`. Default 5000, at most 30,000. */
  readonly timeoutMs?: number
  /**
   * Whether standbys may answer for parts whose process does not answer. The answer then names these parts, and may be older than
   * an earlier one: so it cannot be used together with `after`. Default: false; then such a read rejects with `VIEW_INCOMPLETE`.
   */
  readonly stale?: boolean
  /** Ends the read: it rejects with the reason of the signal. */
  readonly signal?: AbortSignal
}

/** Which parts of a view to read. */
export interface PartsOptions {
  /**
   * `here`: only the parts that the server holds, when other processes of the job hold the others. The answer names these
   * parts, and each answer may have different ones. Default: the whole view, or the error `VIEW_INCOMPLETE`.
   */
  readonly parts?: 'here'
}

/** Which changes of a view are followed. */
export interface ChangesOptions<K> extends PartsOptions {
  /** Only the changes of this key. Default: of all keys. */
  readonly key?: K
  /** Only the changes of the keys that start with this text, in a view whose keys are strings; not together with `key`. */
  readonly prefix?: string
}

/** Which page of entries to read. Keys sort by their serde's order; all bounds are optional. */
export interface PageOptions extends ReadOptions, PartsOptions {
  /** From the last entry to the first. Default: false. */
  readonly reverse?: boolean
  /** The approximate maximum of entries in a page; from 1 to 1000, default 100. */
  readonly limit?: number
  /** The `next` of the previous page. */
  readonly cursor?: string
}

/** Which keys. */
export interface RangeOptions<K> extends PageOptions {
  /** First key, inclusive. */
  readonly from?: K
  /** Last key, exclusive. */
  readonly to?: K
  /** Only keys that start with this; for string keys. */
  readonly prefix?: string
}

/** Which windows. */
export interface WindowOptions extends PageOptions {
  /** Windows that start at this time or later, ms since the epoch. */
  readonly windowFrom?: number
  /** Windows that start before this time, ms since the epoch. */
  readonly windowTo?: number
}

/** Which keys and windows, and in which order. */
export interface WindowedRangeOptions<K> extends RangeOptions<K>, WindowOptions {
  /** `key`: by key, then by window. `time`: by window, then by key; windows of varying length by their end. Default: `key`. */
  readonly by?: 'key' | 'time'
}
