import type { PlanNode } from '../plan/node.ts'
import type { StorePlan } from '../plan/store-plan.ts'
import { repartitionTopic, stepsOf } from './steps.ts'
import type { Topology } from './topology.ts'

/** Everything that a store is computed from, through any number of repartitions and other stores. */
export interface StoreInputs {
  readonly store: string
  /** The subtopology whose tasks have it. */
  readonly subtopology: string
  /** Topics of the user. */
  readonly sources: readonly string[]
  /** Topics between them that the job owns. */
  readonly repartitions: readonly string[]
  /** Stores of the steps before it. */
  readonly stores: readonly string[]
  /** The stores of its step without which it is of no use. */
  readonly together: readonly string[]
}

/** What each store of a job is computed from, in the order of the topology. */
export function storeInputs({ job, subtopologies }: Topology): readonly StoreInputs[] {
  return subtopologies.flatMap(({ id, nodes }) =>
    nodes.flatMap((node) =>
      node.stores.map(({ name }) => ({
        store: name,
        subtopology: id,
        ...(node.kind === 'globalLookup' ? NOTHING : inputsBehind(job, node)),
        together: groupOf(node, name).flatMap((other) => (other.name === name ? [] : [other.name])),
      })),
    ),
  )
}

/** A global table has its own position in its topic: it can be behind nothing that the job has processed without it. */
const NOTHING = { sources: [], repartitions: [], stores: [] } as const

function groupOf({ stores, storeGroups = [stores] }: PlanNode, name: string): readonly StorePlan[] {
  return storeGroups.find((group) => group.some((store) => store.name === name)) ?? []
}

function inputsBehind(job: string, node: PlanNode): Omit<StoreInputs, 'store' | 'subtopology' | 'together'> {
  const steps = stepsOf(node.inputs)
  return {
    sources: steps.flatMap((step) => (step.kind === 'source' ? [step.topic.name] : [])),
    repartitions: steps.flatMap((step) => (step.kind === 'repartition' ? [repartitionTopic(job, step.name)] : [])),
    stores: steps.flatMap((step) => step.stores.map(({ name }) => name)),
  }
}
