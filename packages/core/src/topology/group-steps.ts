import type { PlanNode, StepNode } from '../plan/node.ts'
import type { GlobalSourceNode } from '../plan/nodes/topic-nodes.ts'
import { DisjointSets } from './disjoint-sets.ts'
import type { InputPlan } from './topology.ts'

type InputNode = InputPlan['node']

/** Steps that run in one task: connected without a repartition between them. */
export interface Group {
  readonly inputs: readonly InputNode[]
  /** Global tables, each followed by one step: they connect no steps with each other. */
  readonly globals: readonly GlobalSourceNode[]
  readonly nodes: readonly StepNode[]
}

/** The groups of a plan whose sources are unified; always in the same order. */
export function groupSteps(steps: readonly PlanNode[]): readonly Group[] {
  const sets = new DisjointSets<PlanNode>()
  // A repartition node has two roles: the last step of its path in the group that writes it, and an input in the group that
  // reads it.
  const readers = new Map<PlanNode, PlanNode>()
  for (const node of steps) {
    for (const input of node.inputs) {
      const reader = input.kind === 'repartition' ? (readers.get(input) ?? node) : input
      if (input.kind === 'repartition') readers.set(input, reader)
      sets.join(reader, node)
    }
  }
  const groups = new Map<PlanNode, { inputs: InputNode[]; globals: GlobalSourceNode[]; nodes: StepNode[] }>()
  const groupOf = (node: PlanNode) => {
    const root = sets.root(node)
    const group = groups.get(root) ?? { inputs: [], globals: [], nodes: [] }
    groups.set(root, group)
    return group
  }
  for (const node of steps) {
    if (node.kind === 'source') groupOf(node).inputs.push(node)
    else if (node.kind === 'globalSource') groupOf(node).globals.push(node)
    else groupOf(node).nodes.push(node)
    const reader = readers.get(node)
    if (node.kind === 'repartition' && reader !== undefined) groupOf(reader).inputs.push(node)
  }
  return [...groups.values()]
}
