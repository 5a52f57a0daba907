import { windowMsOf } from '../contracts/store-shape.ts'
import type { Job } from '../dsl/job.ts'
import type { ErrorPolicies } from '../plan/error-policies.ts'
import type { PlanNode } from '../plan/node.ts'
import type { SourceNode } from '../plan/nodes/topic-nodes.ts'
import { startText } from '../plan/start-plan.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import type { Top } from '../plan/top.ts'
import { repartitionTopic } from '../topology/steps.ts'
import { toTopology } from '../topology/to-topology.ts'
import type { Subtopology, Topology } from '../topology/topology.ts'
import { calendarText } from './calendar-text.ts'

/** A job as plain data: what the terminal, the browser and other programs show about it. */
export interface JobDescription {
  readonly job: string
  readonly changelog: string
  readonly errors: ErrorPolicies
  readonly subtopologies: readonly SubtopologyDescription[]
  readonly views: readonly string[]
}

/** Steps that run together in one task, and the topics that they read. Repartition topics separate subtopologies. */
export interface SubtopologyDescription {
  readonly id: string
  readonly inputs: readonly InputDescription[]
  /** Each after what feeds it. */
  readonly steps: readonly StepDescription[]
}

/** A topic that a subtopology reads. */
export interface InputDescription {
  /** Unique in the job, and the same each time the job is described. */
  readonly id: string
  readonly topic: string
  /** The name of the serde of its keys; `none` if it has no keys. */
  readonly key: string
  readonly value: string
  /** Whether the job owns the topic. */
  readonly internal: boolean
  /** Whose event times count: those that the records carry, or those of the topic's callback. Absent if the job owns the topic. */
  readonly times?: 'record' | 'callback'
  /** How far an event time may be ahead of the clock, ms; absent: without a limit, or the job owns the topic. */
  readonly aheadMaxMs?: number
  /** Where a job that has never read it begins, in words; absent: at its start, or the job owns the topic. */
  readonly start?: string
  /** Set if tasks read it to its end before other inputs when they start. */
  readonly bootstrap?: true
  /** Set if every task reads all partitions of the topic, as a global table. */
  readonly global?: true
}

/** A step of a job. */
export interface StepDescription {
  readonly id: string
  readonly kind: PlanNode['kind']
  readonly label: string
  /** The ids of what feeds it, in this subtopology. */
  readonly from: readonly string[]
  /** The topic that it appends to, if that is fixed. */
  readonly to?: string
  /** What it keeps, if anything. */
  readonly stores?: readonly StoreSummary[]
}

/** A store that a step keeps. `key` and `value` are the names of serdes. */
export interface StoreSummary {
  readonly name: string
  readonly key: string
  readonly value: string
  /** The size of the windows, ms; absent if the windows have no fixed size, or the store has no windows. */
  readonly windowMs?: number
  /** The gap of sessions, ms; absent for other windows. */
  readonly gapMs?: number
  /** The windows of a calendar, in words: `day in Europe/Zurich`; absent for other windows. */
  readonly calendar?: string
  /** How many records are in a window; absent for windows of time. */
  readonly records?: number
  /** How many rows the lists of a top N have at most; absent for other stores. */
  readonly topRows?: number
  /** What comes first in them: the greatest rank, or the least. */
  readonly rankOrder?: Top['order']
  /** How long after its last record a row leaves, ms; absent: it stays. */
  readonly ttlMs?: number
  /** How long after its end a window is kept, ms; absent: for ever. */
  readonly retentionMs?: number
  /** Whether the store can be queried: it is an output of the job. */
  readonly view: boolean
}

/** Describes a job as plain data. */
export function describeJob(job: Job): JobDescription {
  const topology = toTopology(job)
  const ids = new Map<PlanNode, string>()
  return {
    job: topology.job,
    changelog: topology.changelog,
    errors: topology.errors,
    subtopologies: topology.subtopologies.map((each) => describeSubtopology(topology, each, ids)),
    views: topology.views.map(({ name }) => name),
  }
}

function describeSubtopology(
  topology: Topology,
  { id, inputs, globals, nodes }: Subtopology,
  written: Map<PlanNode, string>,
): SubtopologyDescription {
  // A repartition node is written in one subtopology and read in another: it has an id in each.
  const read = new Map<PlanNode, string>()
  const described = inputs.map(({ topic, node }): InputDescription => {
    const inputId = `${id}#${read.size}`
    read.set(node, inputId)
    const { key, value } = node.kind === 'source' ? node.topic : node
    const serdes = { key: key.name, value: value.name }
    return node.kind === 'repartition'
      ? { id: inputId, topic, ...serdes, internal: true }
      : { id: inputId, topic, ...serdes, internal: false, ...timesOf(node), ...startOf(node) }
  })
  const tables = globals.map(({ topic, node }): InputDescription => {
    const inputId = `${id}#${read.size}`
    read.set(node, inputId)
    const { key, value } = node.topic
    return { id: inputId, topic, key: key.name, value: value.name, internal: false, global: true }
  })
  const steps = nodes.map((node, index): StepDescription => {
    const stepId = `${id}#${inputs.length + globals.length + index}`
    written.set(node, stepId)
    const to = outputTopic(topology.job, node)
    return {
      id: stepId,
      kind: node.kind,
      label: node.label,
      from: node.inputs.flatMap((input) => read.get(input) ?? written.get(input) ?? []),
      ...(to !== undefined && { to }),
      ...(node.stores.length > 0 && { stores: node.stores.map((store) => summaryOf(topology, node, store)) }),
    }
  })
  return { id, inputs: [...described, ...tables], steps }
}

function timesOf({ topic: { timestamp, aheadMaxMs } }: SourceNode): Pick<InputDescription, 'times' | 'aheadMaxMs'> {
  const times = timestamp === undefined ? 'record' : 'callback'
  return Number.isFinite(aheadMaxMs) ? { times, aheadMaxMs } : { times }
}

function startOf({ start, bootstrap }: SourceNode): Pick<InputDescription, 'start' | 'bootstrap'> {
  return { ...(start !== undefined && { start: startText(start) }), ...(bootstrap && { bootstrap }) }
}

function outputTopic(job: string, node: PlanNode): string | undefined {
  if (node.kind === 'repartition') return repartitionTopic(job, node.name)
  return node.kind === 'sink' && !('choose' in node.topic) ? node.topic.name : undefined
}

function summaryOf({ views }: Topology, node: PlanNode, store: StorePlan): StoreSummary {
  const { name, key, value, shape, retentionMs } = store
  const windowMs = windowMsOf(shape)
  const window = 'window' in node ? node.window : undefined
  return {
    name,
    key: key.name,
    value: value.name,
    ...(windowMs !== undefined && { windowMs }),
    ...(window?.kind === 'session' && { gapMs: window.gapMs }),
    ...(window?.kind === 'calendar' && { calendar: calendarText(window) }),
    ...(node.kind === 'countWindow' && { records: node.size }),
    ...(node.kind === 'topRows' && store === node.stores[0] && { topRows: node.top.rows, rankOrder: node.top.order }),
    ...(node.kind === 'toTable' && store === node.stores[0] && node.expiry && { ttlMs: node.expiry.ttlMs }),
    ...(retentionMs !== undefined && { retentionMs }),
    view: views.some((view) => view.name === name),
  }
}
