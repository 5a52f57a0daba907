import { dictionary } from '../dictionary.ts'
import type { AggregateNode, PlanNode } from '../plan/node.ts'
import { inputsOf, repartitionTopic, stepsOf, storeOf } from './steps.ts'
import type { Topology } from './topology.ts'

/**
 * What a job computes, as plain data: what determines the contents of each of its stores and repartition topics. It is
 * kept with the state, so that a state is never continued as something else.
 *
 * Functions are not part of it: their text changes with every refactoring. Nor is a store's retention: it says how long
 * windows stay, and not what is in them.
 */
export interface JobMeaning {
  readonly stores: Readonly<Record<string, StoreMeaning>>
  /** By topic. */
  readonly repartitions: Readonly<Record<string, RepartitionMeaning>>
}

/** What determines the contents of one store. On disk as JSON: a field that is renamed reads as changed everywhere. */
export interface StoreMeaning {
  /** The word that the user wrote: `count`, `reduce`, `aggregate`, `toTable`, `filter` or `mapValues`. */
  readonly step: string
  /** The serdes of keys and values, by name. */
  readonly key: string
  readonly value: string
  /** Null for a store by key alone. A derived table has the size of its table's windows, and the rest from there. */
  readonly windows: 'tumbling' | 'hopping' | null
  readonly windowMs: number | null
  readonly advanceMs: number | null
  readonly graceMs: number | null
  /** Whose times put records into windows: those that they carry, or those of a topic's callback. */
  readonly times: 'record' | 'callback' | null
  readonly emit: 'changes' | 'final' | null
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
    const store = storeOf(node)
    if (store !== undefined) stores[store.name] = storeMeaning(job, node)
    if (node.kind === 'repartition') {
      const { key, value } = node
      repartitions[repartitionTopic(job, node.name)] = { key: key.name, value: value.name, inputs: inputs(job, node) }
    }
  }
  return { stores, repartitions }
}

function storeMeaning(job: string, node: PlanNode): StoreMeaning {
  const store = storeOf(node)
  if (store === undefined) throw new Error(`${node.label} has no store`)
  const aggregate = node.kind === 'aggregate' ? node : undefined
  const { window } = aggregate ?? {}
  return {
    step: stepWord(node),
    key: store.key.name,
    value: store.value.name,
    windows: window?.kind ?? null,
    windowMs: store.windowMs ?? null,
    advanceMs: window?.advanceMs ?? null,
    graceMs: window?.graceMs ?? null,
    times: window === undefined ? null : isTimedByCallback(node) ? 'callback' : 'record',
    emit: window === undefined ? null : (aggregate?.emit ?? null),
    inputs: inputs(job, node),
  }
}

function stepWord(node: PlanNode): string {
  switch (node.kind) {
    case 'aggregate':
      return node.fold
    case 'tableFilter':
      return node.keep ? 'filter' : 'filterNot'
    case 'tableMapValues':
      return 'mapValues'
    default:
      return node.kind
  }
}

/** The nearest named things that a step's records come from: what those hold is told by their own meaning. */
function inputs(job: string, node: PlanNode): string[] {
  const names = new Set<string>()
  const visited = new Set<PlanNode>()
  const visit = (input: PlanNode) => {
    if (visited.has(input)) return
    visited.add(input)
    const store = storeOf(input)
    if (input.kind === 'source') names.add(`topic ${input.topic.name}`)
    else if (input.kind === 'repartition') names.add(`topic ${repartitionTopic(job, input.name)}`)
    else if (input.kind === 'late') names.add(`late records of store ${lateOf(input.input)}`)
    else if (store !== undefined) names.add(`store ${store.name}`)
    else inputsOf(input).forEach(visit)
  }
  inputsOf(node).forEach(visit)
  return [...names].sort()
}

function lateOf({ store }: AggregateNode): string {
  return store.name
}

function isTimedByCallback(node: PlanNode): boolean {
  return stepsOf([node]).some((step) => step.kind === 'source' && step.topic.timestamp !== undefined)
}
