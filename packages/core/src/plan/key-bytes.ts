import type { Serde } from '../contracts/serde.ts'
import { isKeyless } from '../serdes/no-key.ts'
import type { PlanNode, RepartitionNode, SourceNode } from './node.ts'

/** Whether the records that leave a step, when they are written with `key`, may keep the key bytes that they were read with. */
export function keepsKeyBytes(node: PlanNode, key: Serde<never>): boolean {
  if (isKeyless(key)) return false
  const origin = keyOrigin(node)
  return origin !== undefined && keySerde(origin).name === key.name
}

/**
 * The input whose key bytes a record still has when it leaves `node`, or undefined if the key may be another. Inputs that are
 * merged count as one if their serdes are the same.
 */
function keyOrigin(node: PlanNode): SourceNode | RepartitionNode | undefined {
  if (node.kind === 'source' || node.kind === 'repartition') return node
  if (!node.flow.keepsKey) return undefined
  const origins = node.inputs.map(keyOrigin)
  const [first] = origins
  if (first === undefined) return undefined
  const same = origins.every((origin) => origin !== undefined && keySerde(origin).name === keySerde(first).name)
  return same ? first : undefined
}

/** The serde that an input's keys were written with. */
function keySerde(node: SourceNode | RepartitionNode): Serde<never> {
  return node.kind === 'source' ? node.topic.key : node.key
}
