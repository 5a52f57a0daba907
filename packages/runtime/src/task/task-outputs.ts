import type { PartitionWriter } from '@millrace/core'
import { deadLetterTopics } from '@millrace/core/internal'
import type { TaskSession, TaskSpec } from './task-spec.ts'

/** Opens the topics that one task appends to. */
export class TaskOutputs {
  readonly #spec: TaskSpec
  readonly #writer: TaskSession['outputs']

  constructor(spec: TaskSpec, writer: TaskSession['outputs']) {
    this.#spec = spec
    this.#writer = writer
  }

  /** All partitions of a topic. Rejects with `TOPIC_MISSING` where there is none. */
  async openTopic(topic: string): Promise<readonly PartitionWriter[]> {
    const { topics, log } = this.#spec
    const description = topics.get(topic) ?? (await log.admin.describeTopic(topic))
    // Opening partition 0 of a topic that is not there says what is wrong.
    const partitions = description?.partitions ?? 1
    return Promise.all(Array.from({ length: partitions }, (_, number) => this.#writer.openPartition(topic, number)))
  }

  /** By topic name: the partitions of every topic that the task's steps name. */
  async openNamed(): Promise<ReadonlyMap<string, readonly PartitionWriter[]>> {
    const { subtopology, repartitionTopic } = this.#spec
    const writers = new Map<string, readonly PartitionWriter[]>()
    for (const node of subtopology.nodes) {
      let topic: string | undefined
      if (node.kind === 'repartition') topic = repartitionTopic(node)
      else if (node.kind === 'sink' && 'name' in node.topic) topic = node.topic.name
      if (topic !== undefined && !writers.has(topic)) writers.set(topic, await this.openTopic(topic))
    }
    return writers
  }

  /** By topic name: where the task appends its dead letters. */
  async openDeadLetters(): Promise<ReadonlyMap<string, PartitionWriter>> {
    const { topology, partition } = this.#spec
    const letters = new Map<string, PartitionWriter>()
    for (const topic of deadLetterTopics(topology.errors)) {
      const writers = await this.openTopic(topic)
      const writer = writers[partition % writers.length]
      if (writer !== undefined) letters.set(topic, writer)
    }
    return letters
  }
}
