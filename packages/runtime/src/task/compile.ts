import type { ErrorPolicy, PartitionWriter, Serde } from '@millrace/core'
import {
  type Carried,
  type InstantStore,
  type IntervalStore,
  type KeyValueStore,
  type PlanNode,
  policyOf,
  policyText,
  type RepartitionNode,
  type RowHistory,
  type SortedStore,
  type StepNode,
  type StorePlan,
  type Subtopology,
  type Topology,
  type WindowStore,
} from '@millrace/core/internal'
import { anySerde } from '../operators/any-serde.ts'
import { compileStep } from '../operators/compilers.ts'
import { ErrorBoundary, TableErrorBoundary } from '../operators/error-boundary.ts'
import { FanOutOperator, TableFanOutOperator } from '../operators/fan-out.ts'
import { DISCARD, StreamOperator, TableOperator } from '../operators/operator.ts'
import type { Output } from '../operators/outputs/append.ts'
import type { BlockTask, Connect, StepContext } from '../operators/step-context.ts'
import { RowVersions } from '../operators/tables/row-versions.ts'
import type { ClockedOperator } from '../operators/time/clocked.ts'
import { type Expiring, StoreRetention } from '../operators/time/store-retention.ts'
import type { CurrentRecord } from './current-record.ts'
import { type Edge, type Followers, followersIn, remembers } from './edges.ts'
import type { ResultSource } from './error-policy.ts'
import { type EventTime, LeastTime, type PendingResults, type Reached } from './event-time.ts'
import { MarkerSender } from './marker-sender.ts'
import type { OutputFence } from './output-fence.ts'
import type { Outside } from './outside.ts'
import type { PipelineState } from './pipeline-state.ts'
import type { IdentityHeader } from './record-identity.ts'
import type { StepClock } from './step-clock.ts'
import type { RunningCounts } from './task-counts.ts'
import type { TaskTimes } from './times.ts'
import type { UnitOfWork } from './unit-of-work.ts'
import type { UnitRunner } from './unit-runner.ts'

/** What the operators of one task are connected to. */
export interface Wiring {
  readonly topology: Pick<Topology, 'job'>
  readonly subtopology: Subtopology
  readonly partition: number
  /** How many tasks the subtopology has. */
  readonly tasks: number
  readonly state: PipelineState
  /** The job's error policy for callbacks. */
  readonly ofJob: ErrorPolicy
  readonly record: CurrentRecord
  readonly times: TaskTimes
  readonly counts: RunningCounts
  readonly unit: UnitOfWork
  readonly units: UnitRunner
  readonly clock: StepClock
  readonly identity: IdentityHeader
  /** By topic name: the writers of all partitions of every topic that the plan names. */
  readonly writers: ReadonlyMap<string, readonly PartitionWriter[]>
  /** The name of a repartition node's topic. */
  readonly repartitionTopic: (node: RepartitionNode) => string
  /** Opens a topic that a record chose. */
  readonly openWriters: (topic: string) => Promise<readonly PartitionWriter[]>
  readonly block: BlockTask
  readonly outside: Outside
  readonly fence: OutputFence | undefined
  /** By the name of a step: what it had emitted when the job was set back. */
  readonly fencedSteps: readonly (readonly [string, unknown])[]
}

/** A task's operators: the entry point of each input's records, and the operators that time moves. */
export interface CompiledPlan {
  readonly roots: ReadonlyMap<PlanNode, StreamOperator>
  /** Those that emit come before those that only delete: results are emitted before they expire. */
  readonly clocked: readonly ClockedOperator[]
  readonly markers: readonly MarkerSender[]
}

/** Compiles a subtopology into a task's operators. Each node becomes one operator, however many feed it. */
export function compilePlan(wiring: Wiring): CompiledPlan {
  const compilation = new Compilation(wiring)
  const roots = new Map<PlanNode, StreamOperator>()
  const { inputs, globals } = wiring.subtopology
  for (const { node } of [...inputs, ...globals]) roots.set(node, compilation.streamAfter(node))
  const { driven, markers } = compilation
  const clocked = [...driven.filter(({ emits }) => emits), ...driven.filter(({ emits }) => !emits)]
  return { roots, clocked, markers }
}

type Operator = StreamOperator | TableOperator

class Compilation implements StepContext {
  readonly record: CurrentRecord
  readonly counts: RunningCounts
  readonly unit: UnitOfWork
  readonly units: UnitRunner
  readonly clock: StepClock
  readonly identity: IdentityHeader
  readonly block: BlockTask
  readonly outside: Outside
  readonly job: string
  readonly partition: number
  readonly driven: ClockedOperator[] = []
  readonly markers: MarkerSender[] = []
  readonly #wiring: Wiring
  readonly #after: Followers
  readonly #prepared: ReadonlyMap<StepNode, Connect>
  /** By the store of the versions. They are kept for as long as any of the steps needs them. */
  readonly #versions = new Map<string, { readonly least: LeastTime; readonly rows: RowVersions }>()
  readonly #ports = new Map<StepNode, readonly Operator[]>()

  constructor(wiring: Wiring) {
    const { record, counts, unit, units, clock, identity, block, outside, subtopology } = wiring
    this.record = record
    this.counts = counts
    this.unit = unit
    this.units = units
    this.clock = clock
    this.identity = identity
    this.block = block
    this.outside = outside
    this.job = wiring.topology.job
    this.partition = wiring.partition
    this.#wiring = wiring
    this.#after = followersIn(subtopology)
    // In the order of the plan: the steps behind a step that emits late depend on the time that it holds back.
    this.#prepared = new Map(subtopology.nodes.map((node) => [node, compileStep(node, this)]))
  }

  timeBefore(node: StepNode): EventTime {
    return this.#wiring.times.before(node)
  }

  holdBack(node: StepNode, name: string, before: EventTime, step: PendingResults): void {
    this.#wiring.times.hold(node, name, before, step)
  }

  beginTime(node: StepNode, time: EventTime): void {
    this.#wiring.times.begin(node, time)
  }

  firstByClock(after: number): number {
    const waiting = this.driven.flatMap((operator) => (operator.time.byClock ? (operator.firstPending?.() ?? []) : []))
    return Math.min(...waiting.flatMap(({ at }) => (at > after ? [at] : [])))
  }

  drive(operator: ClockedOperator): void {
    const { fence, fencedSteps } = this.#wiring
    const emitted = fencedSteps.flatMap(([name, saved]) => (name === operator.name ? [saved] : []))
    if (fence !== undefined) operator.fence?.(fence, emitted)
    this.driven.push(operator)
  }

  keyValueStore({ name }: StorePlan): KeyValueStore<unknown, unknown> {
    return this.#wiring.state.keyValueStore(name)
  }

  sortedStore({ name }: StorePlan): SortedStore<unknown, unknown, unknown> {
    return this.#wiring.state.sortedStore(name)
  }

  windowStore(plan: StorePlan, time: EventTime): WindowStore<unknown, unknown> {
    return this.#expiring(plan, time, this.#wiring.state.windowStore<unknown, unknown>(plan.name))
  }

  intervalStore(plan: StorePlan, time: EventTime): IntervalStore<unknown, unknown> {
    return this.#expiring(plan, time, this.#wiring.state.intervalStore<unknown, unknown>(plan.name))
  }

  instantStore(plan: StorePlan, time: Reached): InstantStore<unknown, unknown> {
    return this.#expiring(plan, time, this.#wiring.state.instantStore<unknown, unknown>(plan.name))
  }

  rowVersions({ rows, versions }: RowHistory, time: EventTime): RowVersions {
    let shared = this.#versions.get(versions.name)
    if (shared === undefined) {
      const least = new LeastTime()
      shared = { least, rows: new RowVersions(this.keyValueStore(rows), this.instantStore(versions, least)) }
      this.#versions.set(versions.name, shared)
    }
    shared.least.add(time)
    return shared.rows
  }

  resultsOf(node: StepNode, key: Serde<unknown>, value: Serde<unknown>): ResultSource {
    return { step: node.label, policy: policyOf(node, this.#wiring.ofJob), key, value }
  }

  isRepartition(topic: string): boolean {
    return this.#wiring.subtopology.inputs.some((input) => input.topic === topic && input.node.kind === 'repartition')
  }

  repartitionTopic(node: RepartitionNode): string {
    return this.#wiring.repartitionTopic(node)
  }

  outputTo(step: string, topic: string, value: Serde<never>): Output {
    const writers = this.#wiring.writers.get(topic)
    if (writers === undefined) throw new Error(`Topic ${topic} was not opened`)
    return this.#output(step, writers, value)
  }

  async openOutput(step: string, topic: string, value: Serde<never>): Promise<Output> {
    return this.#output(step, await this.#wiring.openWriters(topic), value)
  }

  sendMarkers(time: EventTime, writers: readonly PartitionWriter[]): void {
    const { partition, tasks } = this.#wiring
    this.markers.push(new MarkerSender(partition, tasks, time, writers))
  }

  feedsTable(node: StepNode): boolean {
    return this.#behind(node, 'changes').length > 0
  }

  remembered(node: StepNode): boolean {
    return remembers(node, this.#after)
  }

  streamAfter(node: PlanNode): StreamOperator {
    return this.#streamInto(node, this.#behind(node, 'records')) ?? DISCARD
  }

  lateAfter(node: StepNode, port = 0): StreamOperator | undefined {
    return this.#streamInto(
      node,
      this.#behind(node, 'late').filter((edge) => edge.node.kind === 'late' && edge.node.port === port),
    )
  }

  sideAfter(node: StepNode, output: string): StreamOperator {
    const edges = this.#behind(node, 'side')
    return (
      this.#streamInto(
        node,
        edges.filter((edge) => edge.node.kind === 'sideOutput' && edge.node.name === output),
      ) ?? DISCARD
    )
  }

  tableAfter(node: StepNode): TableOperator | undefined {
    const targets = this.#behind(node, 'changes').map((edge) => {
      const operator = asTable(edge, this.#operator(edge))
      const policy = this.#otherPolicy(node, edge)
      return policy === undefined ? operator : new TableErrorBoundary(policy, this.units, operator)
    })
    return targets.length <= 1 ? targets[0] : new TableFanOutOperator(targets)
  }

  #streamInto(from: PlanNode, edges: readonly Edge[]): StreamOperator | undefined {
    const targets = edges.map((edge) => {
      const operator = asStream(edge, this.#operator(edge))
      const policy = this.#otherPolicy(from, edge)
      return policy === undefined ? operator : new ErrorBoundary(policy, this.units, operator)
    })
    return targets.length <= 1 ? targets[0] : new FanOutOperator(targets)
  }

  /** The error policy of the step that an edge leads to, if it is another one than that of the step from which it comes. */
  #otherPolicy(from: PlanNode, { node }: Edge): ErrorPolicy | undefined {
    const { ofJob } = this.#wiring
    const policy = policyOf(node, ofJob)
    // A unit begins under the job's policy where its record is read, behind a repartition topic too.
    const isRead = from.kind === 'repartition' || from.kind === 'source'
    const before = isRead ? ofJob : policyOf(from, ofJob)
    return policyText(policy) === policyText(before) ? undefined : policy
  }

  #expiring<S extends Expiring>(plan: StorePlan, time: Reached, store: S): S {
    const retention = StoreRetention.of(plan, time, store)
    if (retention !== undefined) this.drive(retention)
    return store
  }

  #behind(node: PlanNode, carried: Carried): readonly Edge[] {
    return this.#after(node).filter((edge) => edge.takes === carried)
  }

  /** The operator that takes what comes in along an edge. */
  #operator({ node, port }: Edge): Operator {
    let ports = this.#ports.get(node)
    if (ports === undefined) {
      ports = this.#prepared.get(node)?.() ?? []
      this.#ports.set(node, ports)
    }
    const operator = ports[port]
    if (operator === undefined) throw new Error(`Step ${node.label} has no port ${port}`)
    return operator
  }

  #output(step: string, writers: readonly PartitionWriter[], value: Serde<never>): Output {
    const home = writers[this.#wiring.partition % writers.length]
    if (home === undefined) throw new Error(`Step ${step} has a topic without partitions`)
    const { counts, unit } = this.#wiring
    return { step, value: anySerde(value), writers, home, counter: counts, unit }
  }
}

function asStream({ node }: Edge, operator: Operator): StreamOperator {
  if (operator instanceof StreamOperator) return operator
  throw new Error(`Step ${node.label} takes no stream`)
}

function asTable({ node }: Edge, operator: Operator): TableOperator {
  if (operator instanceof TableOperator) return operator
  throw new Error(`Step ${node.label} takes no table`)
}
