import { planSerde, type StreamPlan } from './plan-value.ts'

/** The stream with equal keys in one partition: sent through a repartition topic, named after the step, where need be. */
export function copartitioned<K, V>(plan: StreamPlan<K, V>, name: string): StreamPlan<K, V> {
  if (!plan.rekeyed) return plan
  const node = Object.freeze({
    kind: 'repartition',
    label: `repartition "${name}"`,
    input: plan.node,
    name,
    partitions: undefined,
    key: planSerde(plan.key),
    value: planSerde(plan.value),
  } as const)
  return { ...plan, node, rekeyed: false }
}
