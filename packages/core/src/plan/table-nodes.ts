import type { Serde } from '../contracts/serde.ts'
import type { StoreShape } from '../contracts/store-shape.ts'
import type { Add, Callback, PlanNode, Step, StorePlan, UnaryStep } from './node.ts'

/** Joins two values, and the key that both have; null leaves the row out. Absent values are null. */
export type JoinFn = (left: never, right: never, key: never) => unknown

/** Joins the rows of two tables that have equal keys. It keeps its rows, and both sides of each. */
export interface TableJoinNode extends Step {
  readonly kind: 'tableJoin'
  readonly inputs: readonly [PlanNode, PlanNode]
  /** The joined rows, and the rows of both sides by the same keys. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly fn: JoinFn
  /** Which rows it keeps that have no match on the other side. */
  readonly unmatched: 'none' | 'left' | 'both'
  /** How the rows of each side are identified and written. */
  readonly sides: readonly [JoinSide, JoinSide]
}

/** One of the two tables that are joined. */
export interface JoinSide {
  readonly key: Serde<never>
  readonly value: Serde<never>
  /** How its windows are kept; undefined if it has none. */
  readonly windows: StoreShape | undefined
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
 * The first of the three steps of a join by another key. It sends each change of a left row to the key of the right table that
 * the row refers to, numbered. Its records have that key, or null, and a left key with a `Versioned` left value.
 */
export interface ForeignKeysNode extends UnaryStep {
  readonly kind: 'foreignKeys'
  /** The number of the last change. */
  readonly stores: readonly [StorePlan]
  /** The right key of a left row; null if it refers to none. */
  readonly fn: (value: never, key: never) => unknown
  /** Whether it sends rows that refer to nothing, under the key null. */
  readonly unmatched: boolean
  readonly sides: readonly [JoinSide, JoinSide]
}

/**
 * The second step: it keeps which left rows refer to each right key, and joins them with the row of that key whenever either
 * changes. Its ports take what `foreignKeys` sends, and the right table's changes as records. Its records have the left key, and
 * the `Versioned` joined row.
 */
export interface ForeignMatchesNode extends Step {
  readonly kind: 'foreignMatches'
  readonly inputs: readonly [PlanNode, PlanNode]
  /**
   * The left rows, sorted by the bytes of their right key; the right rows; and the change of a right row that has not reached all
   * left rows yet.
   */
  readonly stores: readonly [StorePlan, StorePlan, StorePlan]
  readonly fn: JoinFn
  readonly unmatched: boolean
  readonly sides: readonly [JoinSide, JoinSide]
}

/**
 * The last step: it keeps the joined rows. Its ports take what `foreignMatches` sends, and, if rows are kept that refer to
 * nothing, what `foreignKeys` sends for these.
 */
export interface ForeignRowsNode extends Step {
  readonly kind: 'foreignRows'
  /** The joined rows, and the `JoinProgress` of each key. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly fn: JoinFn
}
