import type { Serde } from '../contracts/serde.ts'
import type { Headers } from '../headers.ts'
import type { WindowSpec } from './window.ts'

/**
 * What a callback may know of the record that it is called for, beside value and key. One object is used for all
 * calls of a task: read it during the call, do not keep it.
 */
export interface RecordContext {
  /** Event time, ms since the epoch. */
  readonly timestamp: number
  /** Where the record that caused this call was read. */
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** That record's headers, decoded when asked for. */
  readonly headers: Headers
}

/**
 * A user's function as the plan holds it. Parameters are `never` so that a function of any types fits; the runtime
 * calls it with what the types of the DSL promised.
 */
export type Callback<R = unknown> = (value: never, key: never, context: RecordContext) => R

/** Adds a record to a total; the total is undefined when there is none and `init` is absent. */
export type Add = (total: never, value: never, key: never, context: RecordContext) => unknown

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

/**
 * A step of a job, immutable. Nodes point at their inputs; a job is the set of its outputs, so the graph is found
 * by walking up. Streams carry records (key, value); tables carry changes (key, new value, old value).
 *
 * `label` names the step in messages: what the user wrote, such as `filter` or `aggregate "delays"`.
 */
export type PlanNode =
  | SourceNode
  | MapNode
  | MapValuesNode
  | FilterNode
  | FlatMapNode
  | FlatMapValuesNode
  | KeyByNode
  | PeekNode
  | MergeNode
  | BranchNode
  | PipeNode
  | RepartitionNode
  | SinkNode
  | AggregateNode
  | ToTableNode
  | TableFilterNode
  | TableMapValuesNode
  | ChangesNode
  | LateNode

interface Step {
  readonly label: string
}

interface StreamStep extends Step {
  readonly input: PlanNode
}

/** Reads a topic. */
export interface SourceNode extends Step {
  readonly kind: 'source'
  readonly topic: TopicPlan
}

/** New key and value from a callback that returns `[key, value]`. */
export interface MapNode extends StreamStep {
  readonly kind: 'map'
  readonly fn: Callback<readonly [unknown, unknown]>
}

export interface MapValuesNode extends StreamStep {
  readonly kind: 'mapValues'
  readonly fn: Callback
}

/** Keeps the records for which the callback's answer is `keep`. */
export interface FilterNode extends StreamStep {
  readonly kind: 'filter'
  readonly fn: Callback
  readonly keep: boolean
}

export interface FlatMapNode extends StreamStep {
  readonly kind: 'flatMap'
  readonly fn: Callback<Iterable<readonly [unknown, unknown]>>
}

export interface FlatMapValuesNode extends StreamStep {
  readonly kind: 'flatMapValues'
  readonly fn: Callback<Iterable<unknown>>
}

/** New key, same value (`keyBy`, `groupBy`). */
export interface KeyByNode extends StreamStep {
  readonly kind: 'keyBy'
  readonly fn: Callback
}

export interface PeekNode extends StreamStep {
  readonly kind: 'peek'
  readonly fn: Callback
}

/** All records of several streams; no order between them but that in which the task takes them. */
export interface MergeNode extends Step {
  readonly kind: 'merge'
  readonly inputs: readonly PlanNode[]
}

/** The records that none of the `before` callbacks accepts and `fn` does; `fn` undefined accepts the rest. */
export interface BranchNode extends StreamStep {
  readonly kind: 'branch'
  readonly before: readonly Callback[]
  readonly fn: Callback | undefined
}

/** Synchronous RxJS operators over the values; what they emit during a call gets the caller's key and time. */
export interface PipeNode extends StreamStep {
  readonly kind: 'pipe'
  /** Connects source to sink once per task; typed by the DSL. */
  readonly connect: (source: import('rxjs').Observable<never>) => import('rxjs').Observable<unknown>
}

/** Sends records through a topic of the job's own, so that equal keys meet in one task. The cut between subtopologies. */
export interface RepartitionNode extends StreamStep {
  readonly kind: 'repartition'
  /** The topic is `<job>.<name>.repartition`. */
  readonly name: string
  /** Undefined: as many as the largest topic upstream of it. */
  readonly partitions: number | undefined
  readonly key: Serde<never>
  readonly value: Serde<never>
}

/** Appends to a topic; an output. `topic` may be chosen per record, and then the serdes are stated. */
export interface SinkNode extends StreamStep {
  readonly kind: 'sink'
  readonly topic: TopicPlan | DynamicTopic
}

/** The topic's name comes from each record; the topics must exist. */
export interface DynamicTopic {
  readonly choose: Callback<string>
  readonly key: Serde<never>
  readonly value: Serde<never>
}

/** Folds records by key, or by key and window, into a table. `count` and `reduce` are derived from it. */
export interface AggregateNode extends StreamStep {
  readonly kind: 'aggregate'
  /** The word that the user wrote. */
  readonly fold: 'count' | 'reduce' | 'aggregate'
  readonly store: StorePlan
  /** Undefined: by key alone. */
  readonly window: WindowSpec | undefined
  /** The total before the first record; undefined: `add` gets undefined. */
  readonly init: (() => unknown) | undefined
  readonly add: Add
  /** `changes`: every new total. `final`: each window's last total, once the window has closed. */
  readonly emit: 'changes' | 'final'
}

/** The latest value by key; a null value deletes. */
export interface ToTableNode extends StreamStep {
  readonly kind: 'toTable'
  readonly store: StorePlan
}

/** A table with the rows that the callback accepts. Stored only where it has a store. */
export interface TableFilterNode extends StreamStep {
  readonly kind: 'tableFilter'
  readonly fn: Callback
  readonly keep: boolean
  readonly store: StorePlan | undefined
}

export interface TableMapValuesNode extends StreamStep {
  readonly kind: 'tableMapValues'
  readonly fn: Callback
  readonly store: StorePlan | undefined
}

/** A table's changes as a stream: key and new value, null where the row was deleted. */
export interface ChangesNode extends StreamStep {
  readonly kind: 'changes'
}

/** The records that came after their window had closed, as they were. `input` is the windowed aggregate. */
export interface LateNode extends StreamStep {
  readonly kind: 'late'
  readonly input: AggregateNode
}

/** A store as the plan names it: also the view's name, and its part of the changelog. */
export interface StorePlan {
  readonly name: string
  readonly key: Serde<never>
  readonly value: Serde<never>
  /** The window's size in ms for a windowed store; the store's key is then (key, window start). */
  readonly windowMs: number | undefined
  /** Windows that ended longer ago than this (by event time) are deleted; undefined keeps them. */
  readonly retentionMs: number | undefined
  /** Whether each value has the highest event time of what it was computed from beside it: the time of its next change. */
  readonly timed: boolean
}
