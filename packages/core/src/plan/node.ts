import type { Serde } from '../contracts/serde.ts'
import type { Add, Callback, Joiner, JoinFn, Merge } from './callback.ts'
import type { Carried } from './carried.ts'
import type { CellPlan } from './cell-plan.ts'
import type { Emit } from './emit.ts'
import type { FoldPlan } from './fold-plan.ts'
import type { JoinReach } from './join-reach.ts'
import type { JoinSide } from './join-side.ts'
import type { StepFlow } from './step-flow.ts'
import type { StorePlan } from './store-plan.ts'
import type { DynamicTopic, TopicPlan } from './topic-plan.ts'
import type { WindowSpec } from './window.ts'

/** What every step describes about itself. Code that walks a plan reads this, and does not need to know the kind of a step. */
interface Step {
  /** Names the step in messages, as the user wrote it: `filter`, `aggregate "delays"`. */
  readonly label: string
  /** The word that the user wrote: `filter`, `aggregate`. On disk, as part of what a store means. */
  readonly word: string
  /** What feeds it, port by port. One step may feed several ports. */
  readonly inputs: readonly PlanNode[]
  /** The names of its ports, if it matters which input feeds which. On disk, as part of what a store means. */
  readonly ports?: readonly string[]
  /** What it takes from each step that feeds it, port by port. */
  readonly takes: readonly Carried[]
  /** What it keeps. The first is the one that a view of the step reads. */
  readonly stores: readonly StorePlan[]
  /** Its stores in groups of which one store is of no use without the others. Absent: all of them are one group. */
  readonly storeGroups?: readonly (readonly StorePlan[])[]
  readonly flow: StepFlow
}

/** A step with one port. */
interface UnaryStep extends Step {
  readonly inputs: readonly [PlanNode]
  readonly takes: readonly [Carried]
}

/** All steps by their kind: an operator belongs to each, and the runtime does not compile without it. */
export interface PlanNodes {
  readonly source: SourceNode
  readonly map: MapNode
  readonly mapValues: MapValuesNode
  readonly filter: FilterNode
  readonly flatMap: FlatMapNode
  readonly flatMapValues: FlatMapValuesNode
  readonly keyBy: KeyByNode
  readonly peek: PeekNode
  readonly merge: MergeNode
  readonly branch: BranchNode
  readonly pipe: PipeNode
  readonly repartition: RepartitionNode
  readonly sink: SinkNode
  readonly aggregate: AggregateNode
  readonly cogroup: CogroupNode
  readonly countWindow: CountWindowNode
  readonly toTable: ToTableNode
  readonly tableFilter: TableFilterNode
  readonly tableMapValues: TableMapValuesNode
  readonly changes: ChangesNode
  readonly streamJoin: StreamJoinNode
  readonly tableLookup: TableLookupNode
  readonly asOfJoin: AsOfJoinNode
  readonly dedupe: DedupeNode
  readonly late: LateNode
  readonly tableJoin: TableJoinNode
  readonly tableGroupBy: TableGroupByNode
  readonly tableCount: TableCountNode
  readonly tableAggregate: TableAggregateNode
  readonly foreignKeys: ForeignKeysNode
  readonly foreignMatches: ForeignMatchesNode
  readonly foreignRows: ForeignRowsNode
  readonly process: ProcessNode
  readonly sideOutput: SideOutputNode
  readonly stateView: StateViewNode
}

/** A step of a job, immutable. Streams carry records (key, value); tables carry changes (key, new value, old value). */
export type PlanNode = PlanNodes[keyof PlanNodes]

/** A step that runs in a task: every one but a topic that is read. */
export type StepNode = Exclude<PlanNode, SourceNode>

/** Reads a topic. */
export interface SourceNode extends Step {
  readonly kind: 'source'
  readonly topic: TopicPlan
}

/** New key and value from a callback that returns `[key, value]`. */
export interface MapNode extends UnaryStep {
  readonly kind: 'map'
  readonly fn: Callback<readonly [unknown, unknown]>
}

export interface MapValuesNode extends UnaryStep {
  readonly kind: 'mapValues'
  readonly fn: Callback
}

/** Keeps the records for which the callback returns `keep`. */
export interface FilterNode extends UnaryStep {
  readonly kind: 'filter'
  readonly fn: Callback
  readonly keep: boolean
}

export interface FlatMapNode extends UnaryStep {
  readonly kind: 'flatMap'
  readonly fn: Callback<Iterable<readonly [unknown, unknown]>>
}

export interface FlatMapValuesNode extends UnaryStep {
  readonly kind: 'flatMapValues'
  readonly fn: Callback<Iterable<unknown>>
}

/** New key, same value (`keyBy`, `groupBy`). */
export interface KeyByNode extends UnaryStep {
  readonly kind: 'keyBy'
  readonly fn: Callback
}

export interface PeekNode extends UnaryStep {
  readonly kind: 'peek'
  readonly fn: Callback
}

/** All records of several streams, one stream a port. Between streams the only order is that in which the task takes the records. */
export interface MergeNode extends Step {
  readonly kind: 'merge'
}

/** The records that none of the `before` callbacks accepts and `fn` does; `fn` undefined accepts the rest. */
export interface BranchNode extends UnaryStep {
  readonly kind: 'branch'
  readonly before: readonly Callback[]
  readonly fn: Callback | undefined
}

/** Synchronous RxJS operators over the values. What they emit during a call gets the caller's key and time. */
export interface PipeNode extends UnaryStep {
  readonly kind: 'pipe'
  /** Connects source to sink once per task; typed by the DSL. */
  readonly connect: (source: import('rxjs').Observable<never>) => import('rxjs').Observable<unknown>
}

/** Sends records through a topic that the job owns, so that equal keys meet in one task. The cut between subtopologies. */
export interface RepartitionNode extends UnaryStep {
  readonly kind: 'repartition'
  /** The topic is `<job>.<name>.repartition`. */
  readonly name: string
  /** Undefined: as many as the largest topic upstream of it. */
  readonly partitions: number | undefined
  readonly key: Serde<never>
  readonly value: Serde<never>
}

/** Appends to a topic; an output. `topic` may be chosen per record; then the serdes are given. */
export interface SinkNode extends UnaryStep {
  readonly kind: 'sink'
  readonly topic: TopicPlan | DynamicTopic
  /** Whether records are written under the key bytes that they were read with. */
  readonly keepsBytes: boolean
}

/** Folds records by key, or by key and window, into a table. `count` and `reduce` are derived from it. */
export interface AggregateNode extends UnaryStep {
  readonly kind: 'aggregate'
  /** The totals; and what is to be emitted of them, if that is now and then, or the records, if windows are sliding. */
  readonly stores: readonly [StorePlan, ...(readonly StorePlan[])]
  /** Undefined: by key alone. */
  readonly window: WindowSpec | undefined
  /** The total before the first record; undefined: `add` gets undefined. */
  readonly init: (() => unknown) | undefined
  readonly add: Add
  /** Undefined if totals are never merged. */
  readonly merge: Merge | undefined
  readonly emit: Emit
  /** Set if `init` and `add` are those of ready-made folds: then `add` does not change the total that it gets. */
  readonly fold: FoldPlan | undefined
}

/** Folds the records of several streams by key into one table. */
export interface CogroupNode extends Step {
  readonly kind: 'cogroup'
  readonly stores: readonly [StorePlan]
  /** How the keys of each stream are written. */
  readonly keys: readonly Serde<never>[]
  /** The total before the first record of any of them. */
  readonly init: () => unknown
  /** For each stream. */
  readonly adds: readonly Add[]
}

/** Folds each `size` consecutive records of a key into a total, and passes it on as a record. */
export interface CountWindowNode extends UnaryStep {
  readonly kind: 'countWindow'
  /** The totals of the windows that are not full, and how many records are in each. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly size: number
  readonly init: (() => unknown) | undefined
  readonly add: Add
  /** As for an aggregate. */
  readonly fold: FoldPlan | undefined
}

/** The latest value by key; a null value deletes. */
export interface ToTableNode extends UnaryStep {
  readonly kind: 'toTable'
  readonly stores: readonly [StorePlan]
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

/** A table's changes as a stream: key and new value, null if the row was deleted. */
export interface ChangesNode extends UnaryStep {
  readonly kind: 'changes'
}

/** Leaves out records that are repeats of an earlier one. Its store has the event times of those that have passed. */
export interface DedupeNode extends UnaryStep {
  readonly kind: 'dedupe'
  readonly stores: readonly [StorePlan]
  /** How keys are written. */
  readonly key: Serde<never>
  /** What repeats of a key have in common; undefined: the key alone. */
  readonly id: Callback | undefined
  readonly withinMs: number
  readonly graceMs: number
}

/** The records that came too late for the step that is its input, as they were. */
export interface LateNode extends UnaryStep {
  readonly kind: 'late'
  /** The port of that step to which they came. */
  readonly port: number
}

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

/** A step of the user's own: callbacks for records and timers, with state and timers for each key, or for each task. */
export interface ProcessNode extends UnaryStep {
  readonly kind: 'process'
  readonly name: string
  readonly scope: 'key' | 'task'
  /** How the keys of state and timers are written. Those of a task have one, the empty text. */
  readonly key: Serde<never>
  readonly cells: readonly CellPlan[]
  /** Where the timers are kept; undefined if there are none. */
  readonly timers: StorePlan | undefined
  readonly sideOutputs: readonly string[]
  readonly onRecord: (value: never, key: never, context: never) => unknown
  readonly onTombstone: ((key: never, context: never) => unknown) | undefined
  readonly onTimer: Readonly<Record<string, (key: never, context: never) => unknown>>
}

/** The records that a process step emits to a side output. */
export interface SideOutputNode extends UnaryStep {
  readonly kind: 'sideOutput'
  readonly name: string
  /** The name of the step. */
  readonly step: string
}

/** Makes a cell of a process step a view. */
export interface StateViewNode extends UnaryStep {
  readonly kind: 'stateView'
  readonly view: StorePlan
}
