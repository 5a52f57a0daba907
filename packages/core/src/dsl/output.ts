import { keepsKeyBytes } from '../plan/key-bytes.ts'
import type { PlanNode } from '../plan/node.ts'
import type { SinkNode } from '../plan/nodes/topic-nodes.ts'
import { READS_ALL } from '../plan/step-flow.ts'
import { recordStep } from '../plan/step-parts.ts'
import type { DynamicTopic, TopicPlan } from '../plan/topic-plan.ts'
import { isKeyless } from '../serdes/no-key.ts'
import { noteOutput } from './made-outputs.ts'
import { type OutputPlan, PLAN } from './plan-value.ts'

/** A stream that goes to a topic, or to the outside world: an output of a job. Made by `stream.to(…)` and `stream.effect(…)`. */
export interface Output {
  readonly [PLAN]: OutputPlan
}

/** The output that appends what leaves `input` to a topic, or to one that each record chooses. */
export function outputTo(input: PlanNode, topic: TopicPlan | DynamicTopic): Output {
  const chosen = 'choose' in topic
  const label = chosen ? 'to a chosen topic' : `to "${topic.name}"`
  const keepsBytes = !chosen && keepsKeyBytes(input, topic.key)
  const flow = { ...READS_ALL, readsKey: chosen || !(keepsBytes || isKeyless(topic.key)) }
  const node: SinkNode = Object.freeze({ ...recordStep('to', input, flow), label, kind: 'sink', topic, keepsBytes })
  return outputOf(node)
}

/** The output that ends with a step. */
export function outputOf(node: OutputPlan['node']): Output {
  noteOutput(node)
  return Object.freeze({ [PLAN]: Object.freeze({ kind: 'output', node } as const) })
}
