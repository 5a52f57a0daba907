import type { Serde } from '../contracts/serde.ts'
import type { Fold, Folds } from '../folds/fold.ts'
import type { RecordContext } from '../plan/callback.ts'
import type { Duration } from './duration.ts'

/** How records become a total. */
export interface AggregateOptions<K, V, T> {
  /** The total before the first record. */
  readonly init: () => T
  /**
   * Returns the total with one more record. It may also change the total that it got and return that; then what `changes()`
   * passed on before may change as well.
   */
  readonly add: (total: T, value: V, key: K, context: RecordContext) => NoInfer<T>
  /** How totals are written. Default `json()`. */
  readonly value?: Serde<T>
}

/** What `aggregate` takes: a ready-made fold, several by name, or how records become a total of any other type. */
export type Aggregate<K, V, T> = AggregateOptions<K, V, T> | Ready<K, V, T>

/** A ready-made fold, or several by name. */
export type Ready<K, V, T> = Fold<K, V, T> | Folds<K, V, T>

/** How totals are merged. */
export interface MergedTotals<K, T> {
  /**
   * Returns one total of two: `a` is that of the earlier time. It should return the same as if the records of both had been
   * added to one total. It may change `a` and return it.
   */
  readonly merge: (a: T, b: T, key: K, context: RecordContext) => NoInfer<T>
}

/** What the totals of sessions need: a record between two sessions makes one of them. */
export interface TotalsOfTwoSessionsNeedMerge<K, T> extends MergedTotals<K, T> {}

/** What a windowed table sends downstream. */
export interface EmitOptions {
  /**
   * `changes`: every new total, at once. `final`: only each window's last total, once the window has closed. `{ every: '10s' }`:
   * the total of each window that has changed, at multiples of 10 s of event time, and its last total at the latest when it
   * closes. Views see every total in any case. Default `changes`.
   */
  readonly emit?: 'changes' | 'final' | EmitEvery
}

/** The totals of windows are passed on now and then. */
export interface EmitEvery {
  /** How often a window's total is passed on at most, by event time. */
  readonly every: Duration
}
