import type { Callback, Joiner, JoinFn } from '../callback.ts'
import type { JoinReach } from '../join-reach.ts'
import type { JoinSide } from '../join-side.ts'
import type { PlanNode } from '../node.ts'
import type { StorePlan } from '../store-plan.ts'
import type { Step, UnaryStep } from './step.ts'
import type { RowHistory } from './table-nodes.ts'
import type { GlobalSourceNode } from './topic-nodes.ts'

/** Joins the records of two streams, the left one first, that have the same key and are near in time. */
export interface StreamJoinNode extends Step {
  readonly kind: 'streamJoin'
  /** The records of the left and of the right stream that may still be joined. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly reach: JoinReach
  readonly fn: Joiner
  /** Whether the left, and the right, records that have no match are passed on too, once no match can come any more. */
  readonly unmatched: readonly [left: boolean, right: boolean]
}

/** Joins the records of several streams, each at a port, that have the same key and are all near each other in time. */
export interface JoinAllNode extends Step {
  readonly kind: 'joinAll'
  /** The names that the records have in the results. */
  readonly ports: readonly string[]
  /** The records of each stream that may still be joined. */
  readonly stores: readonly StorePlan[]
  /** How near any two records of a result must be: the same in both directions. */
  readonly reach: JoinReach
}

/** Joins the records of a stream with the row that a table has when they are processed. Its second port is the table. */
export interface TableLookupNode extends Step {
  readonly kind: 'tableLookup'
  /** Its own copy of the table's rows, if the table does not keep them. */
  readonly stores: readonly StorePlan[]
  /** Where the rows are. */
  readonly rows: StorePlan
  readonly fn: Joiner
  /** Whether records without a row are passed on too. */
  readonly unmatched: boolean
}

/**
 * Joins the records of a stream with the row that a table had at the time of each, as far as that is known when they are processed. Its
 * second port is the table.
 */
export interface VersionLookupNode extends Step {
  readonly kind: 'versionLookup'
  readonly stores: readonly []
  /** Of the table. */
  readonly history: RowHistory
  readonly fn: Joiner
  /** Whether records without a row are passed on too. */
  readonly unmatched: boolean
}

/** Joins the records of a stream with the row of a global table that each refers to, as it is when they are processed. */
export interface GlobalLookupNode extends Step {
  readonly kind: 'globalLookup'
  readonly inputs: readonly [PlanNode, GlobalSourceNode]
  /** The whole table. */
  readonly stores: readonly [StorePlan]
  /** The key of the row; null if a record refers to none. */
  readonly keyOf: Callback
  readonly fn: Joiner
  /** Whether records without a row are passed on too. */
  readonly unmatched: boolean
}

/**
 * Joins the records of a stream with the row that a table had at the time of each. Its second port takes the changes of the
 * table, or the records that a table is read from: they have also the deletions of rows that are not there yet.
 */
export interface AsOfJoinNode extends Step {
  readonly kind: 'asOfJoin'
  /** The rows as of the time that is complete, the changes after it, and the records that wait. */
  readonly stores: readonly [rows: StorePlan, changes: StorePlan, records: StorePlan]
  /** How long after its time, by event time, a record or a change is still taken, ms. */
  readonly graceMs: number
  readonly fn: Joiner
  /** Whether records without a row are passed on too. */
  readonly unmatched: boolean
}

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
