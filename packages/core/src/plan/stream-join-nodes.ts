import type { JoinReach } from './join-reach.ts'
import type { RecordContext, Step, StorePlan } from './node.ts'

/** Makes a joined value. What a side does not have is null. */
export type Joiner = (left: never, right: never, key: never, context: RecordContext) => unknown

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
