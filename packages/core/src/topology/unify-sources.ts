import type { AggregateNode, PlanNode, SourceNode } from '../plan/node.ts'

/**
 * The same plan with one source node for each topic: a topic that is named twice is still read once. Steps downstream of
 * a node that is replaced are copied; all others stay the objects that they are.
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
    switch (node.kind) {
      case 'source':
        return this.#source(node)
      case 'merge': {
        const inputs = node.inputs.map((input) => this.node(input))
        return inputs.every((input, index) => input === node.inputs[index]) ? node : { ...node, inputs }
      }
      case 'late': {
        const input = this.node(node.input)
        return input === node.input ? node : { ...node, input: asAggregate(input) }
      }
      default: {
        const input = this.node(node.input)
        return input === node.input ? node : { ...node, input }
      }
    }
  }

  #source(node: SourceNode): SourceNode {
    const known = this.#sources.get(node.topic.name)
    if (known !== undefined) return known
    this.#sources.set(node.topic.name, node)
    return node
  }
}

function asAggregate(node: PlanNode): AggregateNode {
  if (node.kind === 'aggregate') return node
  throw new Error(`${node.label} has no late records`)
}
