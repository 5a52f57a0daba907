import type { Serde } from '../contracts/serde.ts'
import type { StoreShape } from '../contracts/store-shape.ts'
import type { Headers } from '../headers.ts'
import type { JoinReach } from './join-reach.ts'
import type { StepFlow } from './step-flow.ts'
import type { WindowSpec } from './window.ts'

/**
 * What a callback may know about the record that it is called for, besides value and key. One object is used for all calls of
 * a task: read it during the call, do not keep it.
 */
export interface RecordContext {
  /** Event time, ms since the epoch. */
  readonly timestamp: number
  /** Where the record that caused this call was read. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** That record's headers, decoded when they are read. */
  readonly headers: Headers
}

/**
 * A user's function as the plan holds it. Parameters are `never` so that a function of any types fits. The runtime calls it
 * with what the types of the DSL promised.
 */
export type Callback<R = unknown> = (value: never, key: never, context: RecordContext) => R

/** Adds a record to a total. The total is undefined if there is none yet and `init` is absent. */
export type Add = (total: never, value: never, key: never, context: RecordContext) => unknown

/** Makes one total of two: that of the earlier records comes first. */
export type Merge = (a: never, b: never, key: never, context: RecordContext) => unknown

/** A topic as a plan value. */
export interface TopicPlan {
  readonly name: string
  readonly key: Serde<never>
  readonly value: Serde<never>
  /** Event time from the value; absent: the time that the record carries. */
  readonly timestamp: ((value: never, key: never) => number) | undefined
  /** How far an event time may be ahead of the wall clock when the record is read, ms. */
  readonly aheadMaxMs: number
}

/** What one step passes to another: records, a table's changes, or the records that came late for a window. */
export type Carried = 'records' | 'changes' | 'late'

/** What every step describes about itself. Code that walks a plan reads this, and does not need to know the kind of a step. */
interface Step {
  /** Names the step in messages, as the user wrote it: `filter`, `aggregate "delays"`. */
  readonly label: string
  /** The word that the user wrote: `filter`, `aggregate`. On disk, as part of what a store means. */
  readonly word: string
  /** What feeds it, port by port. One step may feed several ports. */
  readonly inputs: readonly PlanNode[]
  /** What it takes from each step that feeds it, port by port. */
  readonly takes: readonly Carried[]
  /** What it keeps. The first is the one that a view of the step reads. */
  readonly stores: readonly StorePlan[]
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
  readonly countWindow: CountWindowNode
  readonly toTable: ToTableNode
  readonly tableFilter: TableFilterNode
  readonly tableMapValues: TableMapValuesNode
  readonly changes: ChangesNode
  readonly streamJoin: StreamJoinNode
  readonly tableLookup: TableLookupNode
  readonly late: LateNode
}

/**
 * A step of a job, immutable. Nodes point at their inputs; a job is the set of its outputs, so the graph is found
 * by walking up. Streams carry records (key, value); tables carry changes (key, new value, old value).
 */
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

/** The topic's name comes from each record; the topics must exist. */
export interface DynamicTopic {
  readonly choose: Callback<string>
  readonly key: Serde<never>
  readonly value: Serde<never>
}

/**
 * What an aggregate passes on. `changes`: every new total. `final`: each window's last total, once the window has closed. Else
 * the totals of windows that have changed, at multiples of a time, ms.
 */
export type Emit = 'changes' | 'final' | { readonly everyMs: number }

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
}

/** Folds each `size` consecutive records of a key into a total, and passes it on as a record. */
export interface CountWindowNode extends UnaryStep {
  readonly kind: 'countWindow'
  /** The totals of the windows that are not full, and how many records are in each. */
  readonly stores: readonly [StorePlan, StorePlan]
  readonly size: number
  readonly init: (() => unknown) | undefined
  readonly add: Add
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

/** A table's changes as a stream: key and new value, null if the row was deleted. */
export interface ChangesNode extends UnaryStep {
  readonly kind: 'changes'
}

/** The records that came too late for the step that is its input, as they were. */
export interface LateNode extends UnaryStep {
  readonly kind: 'late'
  /** The port of that step to which they came. */
  readonly port: number
}

/** A store as the plan names it: also the view's name, and its part of the changelog. */
export interface StorePlan {
  readonly name: string
  readonly key: Serde<never>
  readonly value: Serde<never>
  readonly shape: StoreShape
  /** Windows and intervals that ended, and instants that were, longer ago than this (by event time) are deleted; undefined keeps them. */
  readonly retentionMs: number | undefined
  /** Whether each value is stored with the highest event time of what it was computed from: the time of its next change. */
  readonly timed: boolean
}
