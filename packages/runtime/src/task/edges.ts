import type { Carried, PlanNode, StepFlow, StepNode, Subtopology } from '@millrace/core/internal'

/** A way into a step: its `port` is the index among the step's inputs. */
export interface Edge {
  readonly node: StepNode
  readonly port: number
  /** What comes in there. */
  readonly takes: Carried
}

/** The edges that lead out of each step of one subtopology. */
export type Followers = (node: PlanNode) => readonly Edge[]

export function followersIn(subtopology: Subtopology): Followers {
  const followers = new Map<PlanNode, Edge[]>()
  for (const node of subtopology.nodes) {
    for (const [port, input] of node.inputs.entries()) {
      const takes = node.takes[port]
      if (takes === undefined) throw new Error(`Step ${node.label} does not state what its port ${port} takes`)
      const known = followers.get(input)
      if (known === undefined) followers.set(input, [{ node, port, takes }])
      else known.push({ node, port, takes })
    }
  }
  return (node) => followers.get(node) ?? []
}

/** Whether any step that gets the records of an input can see their key. */
export function readsKey(node: PlanNode, followers: Followers): boolean {
  return reads(node, followers, ({ readsKey: reads, keepsKey: keeps }) => ({ reads, keeps }))
}

/** Whether any step that gets the records of an input can see their value. */
export function readsValue(node: PlanNode, followers: Followers): boolean {
  return reads(node, followers, ({ readsValue: reads, keepsValue: keeps }) => ({ reads, keeps }))
}

/**
 * Whether a step of the task may compare a value that leaves `node` with a later one of the same key: what left must then stay
 * as it was. Steps that keep values do, and so do those that take a table's changes, except that which makes a stream of them.
 */
export function remembers(node: PlanNode, followers: Followers): boolean {
  return followers(node).some(({ node: step, takes }) => {
    if (takes === 'late') return false
    const compares = takes === 'changes' && step.kind !== 'changes' && step.kind !== 'errorPolicy'
    return compares || step.stores.length > 0 || remembers(step, followers)
  })
}

function reads(
  node: PlanNode,
  followers: Followers,
  ofFlow: (flow: StepFlow) => { readonly reads: boolean; readonly keeps: boolean },
): boolean {
  return followers(node).some((edge) => {
    const flow = ofFlow(edge.node.flow)
    return flow.reads || (flow.keeps && reads(edge.node, followers, ofFlow))
  })
}
