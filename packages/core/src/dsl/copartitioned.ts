import type { RepartitionNode } from '../plan/nodes/topic-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { recordStep } from '../plan/step-parts.ts'
import { planSerde, type StreamPlan } from './plan-value.ts'

/** The stream with equal keys in one partition. If necessary, it is sent through a repartition topic, named after the step. */
export function copartitioned<K, V>(plan: StreamPlan<K, V>, name: string): StreamPlan<K, V> {
  return plan.rekeyed ? { ...plan, node: repartitionNode(plan, name, undefined), rekeyed: false } : plan
}

/** The step that sends a stream through a repartition topic. */
export function repartitionNode<K, V>(
  { node, key, value }: StreamPlan<K, V>,
  name: string,
  partitions: number | undefined,
): RepartitionNode {
  return Object.freeze({
    ...recordStep('repartition', node, READS_ALL, name),
    kind: 'repartition',
    name,
    partitions,
    key: planSerde(key),
    value: planSerde(value),
  })
}
