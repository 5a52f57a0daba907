import type { Serde } from '../../contracts/serde.ts'
import type { Comparable } from '../../folds/taken.ts'
import type { Add, Callback } from '../callback.ts'
import type { StorePlan } from '../store-plan.ts'
import type { Top } from '../top.ts'
import type { UnaryStep } from './step.ts'

/** The latest value by key; a null value deletes. */
export interface ToTableNode extends UnaryStep {
  readonly kind: 'toTable'
  /** The rows; and, if they leave by themselves, when; or their former versions. */
  readonly stores: readonly [StorePlan, ...StorePlan[]]
  readonly expiry: RowExpiry | undefined
  readonly history: RowHistory | undefined
}

/** When rows leave a table by themselves. */
export interface RowExpiry {
  /** How long after the time of its last record a row leaves. */
  readonly ttlMs: number
  /** The store of the rows' timers. */
  readonly timers: StorePlan
}

/** A table with the rows that the callback accepts. Stored only if it has a store. */
export interface TableFilterNode extends UnaryStep {
  readonly kind: 'tableFilter'
  readonly fn: Callback
  readonly keep: boolean
}

export interface TableMapValuesNode extends UnaryStep {
  readonly kind: 'tableMapValues'
  readonly fn: Callback
}

/** Passes on the changes of a table at multiples of a time: for each row that has changed, from what was passed on last to what it is. */
export interface TableEveryNode extends UnaryStep {
  readonly kind: 'tableEvery'
  /** The rows as they were passed on; and the new values of those that have changed since, at the time at which they are due. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly everyMs: number
}

/** A table's changes as a stream: key and new value, null if the row was deleted. */
export interface ChangesNode extends UnaryStep {
  readonly kind: 'changes'
}

/** Which former versions of its rows a table keeps. */
export interface RowHistory {
  /** How long after a time, by event time, it is still known which row was there. */
  readonly keptMs: number
  readonly rows: StorePlan
  /** The versions that others have replaced, by key and the time at which they ended. */
  readonly versions: StorePlan
}

/** Sends each change of a table's row to the group that the callback chooses; the value of each record is a `Change`. */
export interface TableGroupByNode extends UnaryStep {
  readonly kind: 'tableGroupBy'
  readonly fn: Callback
  /** Whether the values matter, or only which rows there are: then a change inside one group has no effect. */
  readonly readsValues: boolean
}

/** Counts the rows of each group. */
export interface TableCountNode extends UnaryStep {
  readonly kind: 'tableCount'
  readonly stores: readonly [StorePlan]
}

/** Folds the rows of each group into a total, from which rows are taken out again. */
export interface TableAggregateNode extends UnaryStep {
  readonly kind: 'tableAggregate'
  /** The totals, and the number of rows in each. */
  readonly stores: readonly [StorePlan, StorePlan]
  /** The total before the first row; undefined: `add` gets undefined. */
  readonly init: (() => unknown) | undefined
  readonly add: Add
  readonly subtract: Add
}

/**
 * The first of the two steps of a top N. It ranks the rows of a task in their groups, and sends the changes of the first of each
 * group: its records have the group, and the key of a row with its place and value, or without them if the row is not one of the
 * first any more.
 */
export interface RankRowsNode extends UnaryStep {
  readonly kind: 'rankRows'
  /** All rows, sorted by their places; and how far the top of each group reaches. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly by: Callback<Comparable>
  /** The group of a row; undefined: all rows are in one. */
  readonly group: Callback | undefined
  /** How groups are written. */
  readonly groupKey: Serde<never>
  readonly top: Top
}

/** The second step: it keeps the first rows of each group, of those that the tasks of `rankRows` send. */
export interface TopRowsNode extends UnaryStep {
  readonly kind: 'topRows'
  /** The first rows of each group, in order; and the rows that the tasks have sent, sorted by their places. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly top: Top
}
