import type { PartitionWriter, Serde } from '@millrace/core'
import type {
  InstantStore,
  IntervalStore,
  KeyValueStore,
  RepartitionNode,
  RowHistory,
  SortedStore,
  StepNode,
  StorePlan,
  WindowStore,
} from '@millrace/core/internal'
import type { CurrentRecord } from '../task/current-record.ts'
import type { ResultSource } from '../task/error-policy.ts'
import type { EventTime, PendingResults } from '../task/event-time.ts'
import type { Outside } from '../task/outside.ts'
import type { IdentityHeader } from '../task/record-identity.ts'
import type { StepClock } from '../task/step-clock.ts'
import type { RunningCounts } from '../task/task-counts.ts'
import type { UnitOfWork } from '../task/unit-of-work.ts'
import type { UnitRunner } from '../task/unit-runner.ts'
import type { StreamOperator, TableOperator } from './operator.ts'
import type { Output } from './outputs/append.ts'
import type { RowVersions } from './tables/row-versions.ts'
import type { ClockedOperator } from './time/clocked.ts'

/**
 * Makes a step's operator, in two steps. When it is called, everything that feeds the step has been prepared: it requests
 * the step's event time and stores, and registers what has a clock. The function that it returns is called once, later, and
 * connects the operator to those behind it.
 */
export type CompileStep<N extends StepNode> = (node: N, context: StepContext) => Connect

/** Makes what takes the records or changes that come in, for each port. */
export type Connect = () => readonly (StreamOperator | TableOperator)[]

/** Lets an operator hold its task: no record is taken, and nothing committed, until the promise settles. */
export type BlockTask = (until: Promise<unknown>) => void

/** What a step's operator is made from. */
export interface StepContext {
  readonly record: CurrentRecord
  readonly counts: RunningCounts
  readonly unit: UnitOfWork
  readonly units: UnitRunner
  readonly clock: StepClock
  readonly identity: IdentityHeader
  readonly block: BlockTask
  readonly outside: Outside
  /** The name of the job, with its version. */
  readonly job: string
  /** The number of the task's partition. */
  readonly partition: number

  /** The event time of what comes to a step. */
  timeBefore(node: StepNode): EventTime
  /** The results of `node` come later than the records that they are computed from, and hold time back until then. */
  holdBack(node: StepNode, name: string, before: EventTime, step: PendingResults): void
  /** Behind `node`, time is another one than before it. */
  beginTime(node: StepNode, time: EventTime): void
  /** The first time after another one for which a step waits that goes by the wall clock; infinite if none does. */
  firstByClock(after: number): number
  /** Gives an operator its turns. */
  drive(operator: ClockedOperator): void
  keyValueStore(store: StorePlan): KeyValueStore<unknown, unknown>
  sortedStore(store: StorePlan): SortedStore<unknown, unknown, unknown>
  /** A store whose windows expire by a time, if its plan states a retention. To be requested once only. */
  windowStore(store: StorePlan, time: EventTime): WindowStore<unknown, unknown>
  /** As `windowStore`, of intervals. */
  intervalStore(store: StorePlan, time: EventTime): IntervalStore<unknown, unknown>
  /** As `windowStore`, of instants. */
  instantStore(store: StorePlan, time: EventTime): InstantStore<unknown, unknown>
  /** The rows of a table with their versions, which the table and the steps that read them share. `time`: that of the step. */
  rowVersions(history: RowHistory, time: EventTime): RowVersions

  /** Results that time emits: of which step, under which error policy, and how they are written in dead letters. */
  resultsOf(node: StepNode, key: Serde<unknown>, value: Serde<unknown>): ResultSource

  /** Whether a topic that the task reads is one of the job's own. */
  isRepartition(topic: string): boolean
  /** The topic that a repartition step sends to. */
  repartitionTopic(node: RepartitionNode): string
  /** The partitions to which a step appends, of a topic that the plan names. */
  outputTo(step: string, topic: string, value: Serde<never>): Output
  /** The partitions to which a step appends, of a topic that a record named. Rejects with `TOPIC_MISSING`. */
  openOutput(step: string, topic: string, value: Serde<never>): Promise<Output>
  /** Sends the markers of the job's own topic: how far the records that go there have come in time. */
  sendMarkers(time: EventTime, writers: readonly PartitionWriter[]): void

  /** Whether any step takes the changes of the table that a step makes. */
  feedsTable(node: StepNode): boolean
  /** Whether a step behind may compare what leaves a step with what leaves it later, so that it must stay as it was. */
  remembered(node: StepNode): boolean
  /** The next step for the records that leave a step. To be called when connecting. */
  streamAfter(node: StepNode): StreamOperator
  /** As `streamAfter`, for records that come too late to a port (default: the first); undefined if no step takes them. */
  lateAfter(node: StepNode, port?: number): StreamOperator | undefined
  /** As `streamAfter`, for the records that a step emits to a side output. */
  sideAfter(node: StepNode, output: string): StreamOperator
  /** As `streamAfter`, for a table's changes; undefined if no step takes them, so that none are made. */
  tableAfter(node: StepNode): TableOperator | undefined
}
