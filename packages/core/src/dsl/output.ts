import type { DynamicTopic, PlanNode, SinkNode, TopicPlan } from '../plan/node.ts'
import { type OutputPlan, PLAN } from './plan-value.ts'

/** A stream that goes to a topic: an output of a job. Made by `stream.to(…)`. */
export interface Output {
  readonly [PLAN]: OutputPlan
}

/** The output that appends what leaves `input` to a topic, or to one that each record chooses. */
export function outputTo(input: PlanNode, topic: TopicPlan | DynamicTopic): Output {
  const label = 'choose' in topic ? 'to a chosen topic' : `to "${topic.name}"`
  const node: SinkNode = Object.freeze({ kind: 'sink', label, input, topic })
  return Object.freeze({ [PLAN]: Object.freeze({ kind: 'output', node } as const) })
}
