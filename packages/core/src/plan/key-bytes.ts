import type { Serde } from '../contracts/serde.ts'
import { isKeyless } from '../serdes/no-key.ts'
import type { PlanNode } from './node.ts'
import type { RepartitionNode, SourceNode } from './nodes/topic-nodes.ts'

/** Whether the records that leave a step, when they are written with `key`, may keep the key bytes that they were read with. */
export function keepsKeyBytes(node: PlanNode, key: Serde<never>): boolean {
  if (isKeyless(key)) return false
  const source = keySource(node)
  return source !== undefined && keySerde(source).name === key.name
}

/**
 * The input whose key bytes a record still has when it leaves `node`, or undefined if the key may be another. Inputs that are
 * merged count as one if their serdes are the same.
 */
function keySource(node: PlanNode): SourceNode | RepartitionNode | undefined {
  if (node.kind === 'source' || node.kind === 'repartition') return node
  if (node.kind === 'globalLookup') return keySource(node.inputs[0])
  if (!node.flow.keepsKey) return undefined
  const sources = node.inputs.map(keySource)
  const [first] = sources
  if (first === undefined) return undefined
  const same = sources.every((source) => source !== undefined && keySerde(source).name === keySerde(first).name)
  return same ? first : undefined
}

/** The serde that an input's keys were written with. */
function keySerde(node: SourceNode | RepartitionNode): Serde<never> {
  return node.kind === 'source' ? node.topic.key : node.key
}
