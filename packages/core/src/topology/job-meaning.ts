import { type StoreShape, windowMsOf } from '../contracts/store-shape.ts'
import { calendarText } from '../describe/calendar-text.ts'
import { durationText } from '../describe/duration-text.ts'
import { dictionary } from '../dictionary.ts'
import type { Emit } from '../plan/emit.ts'
import type { PlanNode } from '../plan/node.ts'
import type { GlobalSourceNode } from '../plan/nodes/topic-nodes.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import type { Top } from '../plan/top.ts'
import type { WindowSpec } from '../plan/window.ts'
import { repartitionTopic, stepsOf } from './steps.ts'
import type { Topology } from './topology.ts'

/**
 * What a job computes, as plain data: what determines the contents of each of its stores and repartition topics. It is kept
 * with the state, so that a state is never continued as something else.
 *
 * Functions are not part of it: their text changes with every refactoring. A store's retention is not part of it either: it
 * determines how long windows stay, and not what is in them.
 */
export interface JobMeaning {
  readonly stores: Readonly<Record<string, StoreMeaning>>
  /** By topic. */
  readonly repartitions: Readonly<Record<string, RepartitionMeaning>>
}

/** What determines the contents of one store. Stored on disk as JSON: if a field is renamed, it reads as changed everywhere. */
export interface StoreMeaning {
  /** The word that the user wrote: `count`, `aggregate`, `toTable`, `join` … */
  readonly step: string
  /** The ready-made folds of an aggregate, in words: `max`, `{ best: topK(3), bids: count }`; null for callbacks. */
  readonly fold: string | null
  /** The serdes of keys and values, by name. */
  readonly key: string
  readonly value: string
  readonly shape: StoreShape['kind']
  /** Whether entries have an event time beside their value; absent in a catalog that does not know it. */
  readonly timed?: boolean
  /** The serde of the order of a sorted store, by name. */
  readonly order: string | null
  /** Null for a store by key alone. A derived table has the window size of its table, and the rest from there. */
  readonly windows: WindowSpec['kind'] | 'count' | null
  readonly windowMs: number | null
  readonly advanceMs: number | null
  readonly graceMs: number | null
  /** Which times put records into windows: those that the records carry, those of a topic's callback, or those at which they come. */
  readonly times: 'record' | 'callback' | 'wall clock' | null
  /** `changes`, `final`, or `every 10s`. */
  readonly emit: string | null
  /** The gap of sessions; absent for other steps. */
  readonly gapMs?: number
  /** Whether windows are merged of panes; absent if not. */
  readonly panes?: boolean
  /** The windows of a calendar, in words; absent for other steps. */
  readonly calendar?: string
  /** How many records are in a window that is defined by that; absent for other steps. */
  readonly records?: number
  /** How many rows of each group a top N has, and which come first; absent for other steps. */
  readonly topRows?: number
  readonly rankOrder?: Top['order']
  /** For how long a table knows the versions of its rows; absent for other steps. */
  readonly historyMs?: number
  /** How near in time the records are that a join of streams joins; absent for other steps. */
  readonly beforeMs?: number
  readonly afterMs?: number
  /** Where its records come from: topics and other stores, each by the nearest name; sorted. */
  readonly inputs: readonly string[]
}

/** What determines the contents of a repartition topic. */
export interface RepartitionMeaning {
  readonly key: string
  readonly value: string
  readonly inputs: readonly string[]
}

export function jobMeaning({ job, subtopologies }: Topology): JobMeaning {
  const stores = dictionary<StoreMeaning>()
  const repartitions = dictionary<RepartitionMeaning>()
  for (const node of subtopologies.flatMap(({ nodes }) => nodes)) {
    for (const store of node.stores) stores[store.name] = storeMeaning(job, node, store)
    if (node.kind === 'repartition') {
      const { key, value } = node
      repartitions[repartitionTopic(job, node.name)] = { key: key.name, value: value.name, inputs: inputs(job, node) }
    }
  }
  return { stores, repartitions }
}

function storeMeaning(job: string, node: PlanNode, store: StorePlan): StoreMeaning {
  const meaning = meaningOf(job, node, store)
  if (node.kind !== 'globalLookup') return meaning
  // The whole table, whatever stream is joined with it.
  return { ...meaning, step: 'globalTable', inputs: [globalName(node.inputs[1])] }
}

function globalName({ topic }: GlobalSourceNode): string {
  return `global table of topic ${topic.name}`
}

function meaningOf(job: string, node: PlanNode, store: StorePlan): StoreMeaning {
  const window = 'window' in node ? node.window : undefined
  const reach = 'reach' in node ? node.reach : undefined
  // What waits for its time.
  const waiting = node.kind === 'asOfJoin' || node.kind === 'inOrder' ? node : undefined
  const emit = window !== undefined && 'emit' in node ? node.emit : node.kind === 'tableEvery' ? node : undefined
  const isTimed =
    window !== undefined || reach !== undefined || waiting !== undefined || emit !== undefined || hasRowTimes(node)
  return {
    step: node.word,
    fold: ('fold' in node ? node.fold?.word : undefined) ?? null,
    key: store.key.name,
    value: store.value.name,
    windows: window?.kind ?? (node.kind === 'countWindow' ? 'count' : null),
    shape: store.shape.kind,
    timed: store.timed,
    order: store.shape.kind === 'sorted' ? store.shape.order.name : null,
    windowMs: windowMsOf(store.shape) ?? null,
    advanceMs: window !== undefined && 'advanceMs' in window ? window.advanceMs : null,
    graceMs: window?.graceMs ?? reach?.graceMs ?? waiting?.graceMs ?? null,
    times: isTimed ? timesOf(node) : null,
    emit: emit === undefined ? null : emitText(emit),
    ...(window?.kind === 'session' && { gapMs: window.gapMs }),
    ...(window?.kind === 'hopping' && window.panes && { panes: true }),
    ...(window?.kind === 'calendar' && { calendar: calendarText(window) }),
    ...(node.kind === 'countWindow' && { records: node.size }),
    ...('top' in node && { topRows: node.top.rows, rankOrder: node.top.order }),
    ...(node.kind === 'toTable' && node.history !== undefined && { historyMs: node.history.keptMs }),
    ...(reach !== undefined && { beforeMs: reach.beforeMs, afterMs: reach.afterMs }),
    inputs: inputs(job, node),
  }
}

function emitText(emit: Emit): string {
  return typeof emit === 'string' ? emit : `every ${durationText(emit.everyMs)}`
}

/**
 * The nearest named things that a step's records come from, each with the port if it matters. Their own meaning describes what
 * they hold.
 */
function inputs(job: string, node: PlanNode): string[] {
  const { ports } = node
  if (ports === undefined) return nearest(job, node)
  return node.inputs.flatMap((input, port) =>
    nearest(job, { takes: node.takes.slice(port), inputs: [input] }).map((name) => `${ports[port]}: ${name}`),
  )
}

function nearest(job: string, node: Pick<PlanNode, 'inputs' | 'takes'>): string[] {
  const names = new Set<string>()
  const visited = new Set<typeof node>()
  const visit = (step: typeof node) => {
    if (visited.has(step)) return
    visited.add(step)
    for (const [port, input] of step.inputs.entries()) {
      const [store] = input.stores
      if (input.kind === 'source') names.add(`topic ${input.topic.name}`)
      else if (input.kind === 'repartition') names.add(`topic ${repartitionTopic(job, input.name)}`)
      else if (input.kind === 'globalSource') names.add(globalName(input))
      else if (input.kind === 'globalLookup') visit(input)
      else if (input.kind === 'process') names.add(`step ${input.name}`)
      else if (input.kind === 'sideOutput') names.add(`output ${input.name} of step ${input.step}`)
      else if (store === undefined) visit(input)
      else names.add(step.takes[port] === 'late' ? `late records of store ${store.name}` : `store ${store.name}`)
    }
  }
  visit(node)
  return [...names].sort()
}

/** Whether the times of records determine the rows of a table. */
function hasRowTimes(node: PlanNode): boolean {
  return node.kind === 'toTable' && (node.expiry !== undefined || node.history !== undefined)
}

function timesOf(node: PlanNode): 'record' | 'callback' | 'wall clock' {
  const steps = stepsOf([node])
  if (steps.some(({ kind }) => kind === 'arrival')) return 'wall clock'
  const isTimed = steps.some((step) => step.kind === 'source' && step.topic.timestamp !== undefined)
  return isTimed ? 'callback' : 'record'
}
