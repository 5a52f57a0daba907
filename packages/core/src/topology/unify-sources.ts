import type { PlanNode } from '../plan/node.ts'
import type { SourceNode } from '../plan/nodes/topic-nodes.ts'

/**
 * The same plan with one source node for each topic: a topic that is named twice is still read once. Steps downstream of a
 * replaced node are copied; all others stay the same objects.
 */
export function unifySources(outputs: readonly PlanNode[]): readonly PlanNode[] {
  const unifier = new SourceUnifier()
  return outputs.map((output) => unifier.node(output))
}

class SourceUnifier {
  readonly #sources = new Map<string, SourceNode>()
  readonly #unified = new Map<PlanNode, PlanNode>()

  node(node: PlanNode): PlanNode {
    let unified = this.#unified.get(node)
    if (unified === undefined) {
      unified = this.#unify(node)
      this.#unified.set(node, unified)
    }
    return unified
  }

  #unify(node: PlanNode): PlanNode {
    if (node.kind === 'source') return this.#source(node)
    const inputs = node.inputs.map((input) => this.node(input))
    return inputs.every((input, port) => input === node.inputs[port]) ? node : withInputs(node, inputs)
  }

  #source(node: SourceNode): SourceNode {
    const known = this.#sources.get(node.topic.name)
    if (known !== undefined) return known
    this.#sources.set(node.topic.name, node)
    return node
  }
}

/** The same step over other inputs, as many as it had: the compiler does not check their number. */
function withInputs(node: PlanNode, inputs: readonly PlanNode[]): PlanNode {
  return { ...node, inputs } as PlanNode
}
