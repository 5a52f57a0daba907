import type { Position, Window } from '@millrace/core'

/** A value and what it reflects: everything before `position`, and maybe more. */
export interface Answer<V> {
  /** Undefined where there is none. */
  readonly value: V | undefined
  readonly position: Position
  /** The view counts every record from here on; absent: from the start of its inputs. */
  readonly completeFrom?: Position
}

export interface ViewEntry<K, V> {
  readonly key: K
  readonly value: V
}

export interface WindowedEntry<K, V> extends ViewEntry<K, V> {
  readonly window: Window
}

/** Some consecutive entries of a view. */
export interface Page<E> {
  readonly entries: readonly E[]
  /** Give it as `cursor` for the next page; null on the last one. A page may have few entries, or none, before the last. */
  readonly next: string | null
  readonly position: Position
  /** The parts that the page is of, if it was asked for with `parts`. */
  readonly parts?: readonly number[]
  /** The view counts every record from here on; absent: from the start of its inputs. */
  readonly completeFrom?: Position
}

/**
 * What a view tells those who follow it.
 *
 * - `start`: from `position` on every change follows. Comes first, and again after a broken connection where changes may
 *   have been missed: whoever keeps a copy reads it anew.
 * - `change`: an entry has a new value, null where it was deleted. All changes of a commit come together, with the
 *   position that the view reflects after it.
 */
export type ViewEvent<E> = ViewStart | ViewChange<E>

export interface ViewStart {
  readonly kind: 'start'
  readonly position: Position
  /** The parts whose changes follow, if they were asked for with `parts`. */
  readonly parts?: readonly number[]
  /** The view counts every record from here on; absent: from the start of its inputs. */
  readonly completeFrom?: Position
}

export interface ViewChange<E> {
  readonly kind: 'change'
  readonly entry: E
  readonly position: Position
}

/** How to read. */
export interface ReadOptions {
  /** Wait until the answer reflects this position. */
  readonly after?: Position
  /** How long to wait for `after` at most, in ms; then `POSITION_NOT_REACHED`. Default 5000, at most 30,000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

/** Which parts of a view to read. */
export interface PartsOptions {
  /**
   * `here`: only the parts that the server holds, where other processes of the job have the others. The answer says which
   * they are, and they may be others with each answer. Default: the whole view, or the error `VIEW_INCOMPLETE`.
   */
  readonly parts?: 'here'
}

/** Which page of entries to read. Keys sort by their serde's order; all bounds are optional. */
export interface PageOptions extends ReadOptions, PartsOptions {
  /** From the last entry to the first. Default: false. */
  readonly reverse?: boolean
  /** At most about so many entries; from 1 to 1000, default 100. */
  readonly limit?: number
  /** The `next` of the page before. */
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
  /** Windows that start at or after, ms since the epoch. */
  readonly windowFrom?: number
  /** Windows that start before. */
  readonly windowTo?: number
}

export interface WindowedRangeOptions<K> extends RangeOptions<K>, WindowOptions {}
