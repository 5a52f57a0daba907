import { type PartitionWriter, type Serde, windowed } from '@millrace/core'
import {
  type AggregateNode,
  isKeyless,
  type PlanNode,
  type RepartitionNode,
  type SinkNode,
  type StorePlan,
  type Subtopology,
  type TableFilterNode,
  type TableMapValuesNode,
  type TaskState,
  type TopicPlan,
  type WindowStore,
} from '@millrace/core/internal'
import { AggregateOperator, type Fold } from '../operators/aggregate.ts'
import { BranchOperator } from '../operators/branch.ts'
import { type UserAdd, userCallback } from '../operators/callback.ts'
import { ChangesOperator } from '../operators/changes.ts'
import { ChosenTopicSinkOperator, type HoldTask } from '../operators/chosen-topic-sink.ts'
import type { ClockedOperator } from '../operators/clocked.ts'
import { DerivedTableOperator, filterRow, mapRow, type RowStore } from '../operators/derived-table.ts'
import { FanOutOperator, TableFanOutOperator } from '../operators/fan-out.ts'
import { FilterOperator } from '../operators/filter.ts'
import { FlatMapOperator } from '../operators/flat-map.ts'
import { FlatMapValuesOperator } from '../operators/flat-map-values.ts'
import { KeyByOperator } from '../operators/key-by.ts'
import { KeyEncoder } from '../operators/key-encoder.ts'
import { MapOperator } from '../operators/map.ts'
import { MapValuesOperator } from '../operators/map-values.ts'
import { DISCARD, type StreamOperator, type TableOperator } from '../operators/operator.ts'
import { PeekOperator } from '../operators/peek.ts'
import { type PipeConnect, PipeOperator } from '../operators/pipe.ts'
import { RepartitionOperator } from '../operators/repartition.ts'
import { SameKeySinkOperator } from '../operators/same-key-sink.ts'
import { KeylessSinkOperator, type Output, SinkOperator } from '../operators/sink.ts'
import { storedValue } from '../operators/stored-value.ts'
import { TimedResultsOperator } from '../operators/timed-results.ts'
import { ToTableOperator } from '../operators/to-table.ts'
import { TotalCopier } from '../operators/total-copier.ts'
import { WindowAggregateOperator } from '../operators/window-aggregate.ts'
import { WindowFinals } from '../operators/window-finals.ts'
import { WindowRetention } from '../operators/window-retention.ts'
import type { CurrentRecord } from './current-record.ts'
import type { EventTime } from './event-time.ts'
import { type Followers, followersIn, keepsKeyBytes } from './key-flow.ts'
import type { OriginHeader } from './origin.ts'
import type { RunningCounts } from './task-counts.ts'
import type { TaskTimes } from './times.ts'
import type { UnitOfWork } from './unit-of-work.ts'
import type { UnitRunner } from './unit-runner.ts'

/** What the operators of one task are connected to. */
export interface Wiring {
  readonly subtopology: Subtopology
  readonly partition: number
  readonly state: TaskState
  readonly record: CurrentRecord
  readonly times: TaskTimes
  readonly counts: RunningCounts
  readonly unit: UnitOfWork
  readonly units: UnitRunner
  readonly origin: OriginHeader
  /** By topic name: the writers of all partitions of every topic that the plan names. */
  readonly writers: ReadonlyMap<string, readonly PartitionWriter[]>
  /** The name of a repartition node's topic. */
  readonly repartitionTopic: (node: RepartitionNode) => string
  /** Opens a topic that a record chose. */
  readonly openWriters: (topic: string) => Promise<readonly PartitionWriter[]>
  readonly hold: HoldTask
}

/** A task's operators: where each input's records go in, and those that time moves. */
export interface CompiledPlan {
  readonly roots: ReadonlyMap<PlanNode, StreamOperator>
  /** Those that emit come before those that only delete: results are emitted before they expire. */
  readonly clocked: readonly ClockedOperator[]
  readonly retentions: readonly WindowRetention[]
}

/** Compiles a subtopology into a task's operators. Each node becomes one operator, however many feed it. */
export function compilePlan(wiring: Wiring): CompiledPlan {
  const compiler = new PlanCompiler(wiring)
  const roots = new Map<PlanNode, StreamOperator>()
  for (const { node } of wiring.subtopology.inputs) roots.set(node, compiler.streamAfter(node))
  const { finals, retentions } = compiler
  return { roots, clocked: [...finals, ...retentions], retentions }
}

class PlanCompiler {
  readonly retentions: WindowRetention[] = []
  readonly #wiring: Wiring
  readonly #after: Followers
  readonly #streams = new Map<PlanNode, StreamOperator>()
  readonly #tables = new Map<PlanNode, TableOperator>()
  readonly #finals = new Map<PlanNode, WindowFinals>()

  constructor(wiring: Wiring) {
    this.#wiring = wiring
    this.#after = followersIn(wiring.subtopology)
    this.#prepareFinals()
  }

  /** In the order of the plan. */
  get finals(): readonly WindowFinals[] {
    return [...this.#finals.values()]
  }

  /** Where the records go that leave a stream node. */
  streamAfter(node: PlanNode): StreamOperator {
    const targets = this.#after(node).map((next) => this.#stream(next))
    const only = targets.length === 1 ? targets[0] : undefined
    return only ?? (targets.length === 0 ? DISCARD : new FanOutOperator(targets))
  }

  /** Where the changes go that leave a table node; nowhere is undefined, so that none are made. */
  #tableAfter(node: PlanNode): TableOperator | undefined {
    const targets = this.#after(node)
      .filter((next) => next.kind !== 'late')
      .map((next) => this.#table(next))
    return targets.length <= 1 ? targets[0] : new TableFanOutOperator(targets)
  }

  #stream(node: PlanNode): StreamOperator {
    let operator = this.#streams.get(node)
    if (operator === undefined) {
      operator = this.#compileStream(node)
      this.#streams.set(node, operator)
    }
    return operator
  }

  #table(node: PlanNode): TableOperator {
    let operator = this.#tables.get(node)
    if (operator === undefined) {
      operator = this.#compileTable(node)
      this.#tables.set(node, operator)
    }
    return operator
  }

  #compileStream(node: PlanNode): StreamOperator {
    const { record } = this.#wiring
    switch (node.kind) {
      case 'filter':
        return new FilterOperator(node.label, userCallback(node.fn), node.keep, record, this.streamAfter(node))
      case 'map':
        return new MapOperator(node.label, userCallback(node.fn), record, this.streamAfter(node))
      case 'mapValues':
        return new MapValuesOperator(node.label, userCallback(node.fn), record, this.streamAfter(node))
      case 'flatMap':
        return new FlatMapOperator(node.label, userCallback(node.fn), record, this.streamAfter(node))
      case 'flatMapValues':
        return new FlatMapValuesOperator(node.label, userCallback(node.fn), record, this.streamAfter(node))
      case 'keyBy':
        return new KeyByOperator(node.label, userCallback(node.fn), record, this.streamAfter(node))
      case 'peek':
        return new PeekOperator(node.label, userCallback(node.fn), record, this.streamAfter(node))
      case 'branch': {
        const fn = node.fn === undefined ? undefined : userCallback(node.fn)
        return new BranchOperator(node.label, node.before.map(userCallback), fn, record, this.streamAfter(node))
      }
      case 'merge':
        return this.streamAfter(node)
      case 'pipe':
        return new PipeOperator(node.label, node.connect as PipeConnect, this.#wiring.unit, this.streamAfter(node))
      case 'repartition':
        return this.#repartition(node)
      case 'sink':
        return this.#sink(node)
      case 'aggregate':
        return this.#aggregate(node)
      case 'toTable':
        return new ToTableOperator(
          node.label,
          anySerde(node.store.value),
          this.#wiring.state.keyValueStore(node.store.name),
          this.#tableAfter(node),
        )
      default:
        throw new Error(`${node.label} takes no stream`)
    }
  }

  #compileTable(node: PlanNode): TableOperator {
    const { record } = this.#wiring
    switch (node.kind) {
      case 'changes':
        return new ChangesOperator(this.streamAfter(node))
      case 'tableFilter': {
        const derive = filterRow(node.label, userCallback(node.fn), node.keep, record)
        return new DerivedTableOperator(derive, this.#rows(node), this.#tableAfter(node))
      }
      case 'tableMapValues': {
        const derive = mapRow(node.label, userCallback(node.fn), record)
        return new DerivedTableOperator(derive, this.#rows(node), this.#tableAfter(node))
      }
      default:
        throw new Error(`${node.label} takes no table`)
    }
  }

  #aggregate(node: AggregateNode): StreamOperator {
    const { state, record, counts, times, unit } = this.#wiring
    const value = anySerde(node.store.value)
    const copier = unit.undoable ? new TotalCopier(value) : undefined
    const fold: Fold = { step: node.label, init: node.init, add: node.add as UserAdd, context: record, value, copier }
    const { window } = node
    if (window === undefined) {
      return new AggregateOperator(fold, state.keyValueStore(node.store.name), this.#tableAfter(node))
    }
    const time = times.after(node.input)
    const store = this.#windowStore(node.store, time)
    const late = this.#after(node).filter((each) => each.kind === 'late')
    const lateTargets = late.map((each) => this.streamAfter(each))
    const lateRecords = {
      count: () => {
        counts.late++
      },
      next: lateTargets.length <= 1 ? lateTargets[0] : new FanOutOperator(lateTargets),
    }
    const finals = this.#finals.get(node)
    if (finals !== undefined) finals.next = this.#timedResults(node, finals)
    const next = node.emit === 'final' ? undefined : this.#tableAfter(node)
    return new WindowAggregateOperator(fold, window, time, record, store, lateRecords, next)
  }

  /** Steps that emit late come first: what stands behind them goes by the time that they hold back. */
  #prepareFinals(): void {
    const { subtopology, state, record, times } = this.#wiring
    for (const node of subtopology.nodes) {
      if (node.kind !== 'aggregate' || node.window === undefined || node.emit !== 'final') continue
      if (this.#after(node).every((next) => next.kind === 'late')) continue
      const { name } = node.store
      const time = times.after(node.input)
      const finals = new WindowFinals(name, node.window, time, state.windowStore(name), record)
      times.hold(node, name, time, finals)
      this.#finals.set(node, finals)
    }
  }

  #timedResults(node: AggregateNode, finals: WindowFinals): TableOperator | undefined {
    const next = this.#tableAfter(node)
    if (next === undefined) return undefined
    const key = windowed(anySerde(node.store.key)) as Serde<unknown>
    return new TimedResultsOperator(node.label, key, anySerde(node.store.value), finals, this.#wiring.units, next)
  }

  #repartition(node: RepartitionNode): StreamOperator {
    const output = this.#output(node.label, this.#wiring.repartitionTopic(node), node.value)
    const keys = new KeyEncoder(node.label, anySerde(node.key), output.writers.length)
    return new RepartitionOperator(this.#wiring.record, this.#wiring.origin, keys, output)
  }

  #sink(node: SinkNode): StreamOperator {
    const { topic } = node
    if ('choose' in topic) {
      const { record, openWriters, hold } = this.#wiring
      const open = async (name: string) => this.#outputTo(node.label, await openWriters(name), topic.value)
      return new ChosenTopicSinkOperator(
        node.label,
        userCallback(topic.choose),
        anySerde(topic.key),
        record,
        open,
        hold,
      )
    }
    return this.#fixedSink(node, topic)
  }

  #fixedSink(node: SinkNode, topic: TopicPlan): StreamOperator {
    const output = this.#output(node.label, topic.name, topic.value)
    if (keepsKeyBytes(node)) return new SameKeySinkOperator(this.#wiring.record, output)
    if (isKeyless(topic.key)) return new KeylessSinkOperator(output)
    return new SinkOperator(new KeyEncoder(node.label, anySerde(topic.key), output.writers.length), output)
  }

  #output(step: string, topic: string, value: Serde<never>): Output {
    const writers = this.#wiring.writers.get(topic)
    if (writers === undefined) throw new Error(`The topic ${topic} was not opened`)
    return this.#outputTo(step, writers, value)
  }

  #outputTo(step: string, writers: readonly PartitionWriter[], value: Serde<never>): Output {
    const home = writers[this.#wiring.partition % writers.length]
    if (home === undefined) throw new Error(`${step} has a topic without partitions`)
    const { counts, unit } = this.#wiring
    return { step, value: anySerde(value), writers, home, counter: counts, unit }
  }

  #windowStore(plan: StorePlan, time: EventTime): WindowStore<unknown, unknown> {
    const store = this.#wiring.state.windowStore<unknown, unknown>(plan.name)
    const retention = WindowRetention.of(plan, time, store)
    if (retention !== undefined) this.retentions.push(retention)
    return store
  }

  #rows(node: TableFilterNode | TableMapValuesNode): RowStore | undefined {
    const { label, store } = node
    if (store === undefined) return undefined
    const kept = (key: unknown, value: unknown) =>
      value === null ? undefined : storedValue(label, anySerde(store.value), value, key)
    if (store.windowMs === undefined) {
      const rows = this.#wiring.state.keyValueStore<unknown, unknown>(store.name)
      return {
        put: (key, value) => {
          const row = kept(key, value)
          rows.set(rows.find(key), row)
          return row ?? null
        },
      }
    }
    const rows = this.#windowStore(store, this.#wiring.times.after(node.input))
    return {
      put: (windowed, value) => {
        const { key, window } = windowed as { key: unknown; window: { start: number } }
        const row = kept(key, value)
        rows.set(rows.find(key, window.start), row)
        return row ?? null
      },
    }
  }
}

/** The boundary at which a plan's serde, typed by the DSL, becomes one that takes what the operators pass. */
export function anySerde(serde: Serde<never>): Serde<unknown> {
  return serde as Serde<unknown>
}
