import type { TopicDescription } from '@millrace/core'
import { type InputPlan, type PlanNode, type Subtopology, stepsOf } from '@millrace/core/internal'
import { anySerde } from '../operators/any-serde.ts'
import type { TaskOwners } from './closing.ts'
import { followersIn, readsKey, readsValue } from './edges.ts'
import { wakingMs } from './event-time.ts'
import type { InputSpec, RefuseRecord, TaskInput } from './input.ts'
import { type RepartitionEvents, RepartitionInput } from './repartition-input.ts'
import { SourceInput, type TimestampExtractor } from './source-input.ts'

/** What an input of a task is connected to. */
export interface InputWiring extends RepartitionEvents {
  readonly subtopology: Subtopology
  readonly partition: number
  readonly topics: ReadonlyMap<string, TopicDescription>
  readonly refuse: RefuseRecord
  /** The wall clock, ms since the epoch. */
  readonly now: () => number
  /** In a run that closes windows: which process runs each task. */
  readonly owners: TaskOwners | undefined
  /** By repartition node: the id of the subtopology that sends there. */
  readonly senders: ReadonlyMap<PlanNode, string>
  /** See `TaskSpec`. */
  readonly idleAfterMs: number
}

/** Makes the input that the plan describes; it is started by the task. */
export function makeInput({ node, topic }: InputPlan, wiring: InputWiring): TaskInput {
  const { subtopology, partition, refuse } = wiring
  const extract = node.kind === 'source' ? (node.topic.timestamp as TimestampExtractor | undefined) : undefined
  const after = followersIn(subtopology)
  const { key, value } = node.kind === 'source' ? node.topic : node
  const spec: InputSpec = {
    topic,
    partition,
    key: anySerde(key),
    value: anySerde(value),
    readsKey: extract !== undefined || readsKey(node, after),
    readsValue: extract !== undefined || readsValue(node, after),
    bootstrap: node.kind === 'source' && node.bootstrap,
    byClock: stepsOf([node]).some(({ kind }) => kind === 'arrival'),
  }
  if (node.kind === 'source') {
    const { now, topics, idleAfterMs } = wiring
    const { aheadMaxMs } = node.topic
    const topicId = topics.get(topic)?.id ?? ''
    return new SourceInput(spec, { topicId, extract, aheadMaxMs, idleAfterMs, now }, refuse)
  }
  const { owners, senders } = wiring
  const sender = senders.get(node)
  const ownerOf = (number: number) => owners?.ownerOf(`${sender}-${number}`)
  return new RepartitionInput(spec, refuse, wiring, wakingMs(wiring.idleAfterMs), ownerOf)
}
