import type { Log, PartitionWriter, TopicDescription, TransactionalWriter } from '@millrace/core'
import { deadLetterTopics, type ErrorPolicies, type RepartitionNode, type Subtopology } from '@millrace/core/internal'

/** Where a task finds the topics that it appends to. */
export interface OutputTopics {
  readonly log: Log
  /** The container's: what is appended here is committed with its tasks. */
  readonly writer: Pick<TransactionalWriter, 'openPartition' | 'openGroup'>
  /** Every topic that the plan names, with the job's own. */
  readonly topics: ReadonlyMap<string, TopicDescription>
  readonly repartitionTopic: (node: RepartitionNode) => string
}

/** All partitions of a topic. Rejects with `TOPIC_MISSING` where there is none. */
export async function openTopic(from: OutputTopics, topic: string): Promise<readonly PartitionWriter[]> {
  const description = from.topics.get(topic) ?? (await from.log.admin.describeTopic(topic))
  // Opening partition 0 of a topic that is not there says what is wrong.
  const partitions = description?.partitions ?? 1
  return Promise.all(Array.from({ length: partitions }, (_, partition) => from.writer.openPartition(topic, partition)))
}

/** By topic name: the partitions of every topic that a subtopology's steps name. */
export async function openOutputs(
  from: OutputTopics,
  subtopology: Subtopology,
): Promise<ReadonlyMap<string, readonly PartitionWriter[]>> {
  const writers = new Map<string, readonly PartitionWriter[]>()
  for (const node of subtopology.nodes) {
    let topic: string | undefined
    if (node.kind === 'repartition') topic = from.repartitionTopic(node)
    else if (node.kind === 'sink' && 'name' in node.topic) topic = node.topic.name
    if (topic !== undefined && !writers.has(topic)) writers.set(topic, await openTopic(from, topic))
  }
  return writers
}

/** By topic name: where a task appends its dead letters. */
export async function openDeadLetters(
  from: OutputTopics,
  policies: ErrorPolicies,
  partition: number,
): Promise<ReadonlyMap<string, PartitionWriter>> {
  const letters = new Map<string, PartitionWriter>()
  for (const topic of deadLetterTopics(policies)) {
    const writers = await openTopic(from, topic)
    const writer = writers[partition % writers.length]
    if (writer !== undefined) letters.set(topic, writer)
  }
  return letters
}
