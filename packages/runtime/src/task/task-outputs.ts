import type { PartitionWriter } from '@millrace/core'
import { deadLettersOf, openSameTopic } from '@millrace/core/internal'
import type { OutputFence } from './output-fence.ts'
import type { TaskSession, TaskSpec } from './task-spec.ts'

/** Opens the topics that one task appends to. */
export class TaskOutputs {
  readonly #spec: TaskSpec
  readonly #writer: TaskSession['outputs']
  readonly #fence: OutputFence | undefined

  constructor(spec: TaskSpec, writer: TaskSession['outputs'], fence: OutputFence | undefined) {
    this.#spec = spec
    this.#writer = writer
    this.#fence = fence
  }

  /** All partitions of a topic that is not the job's own. Rejects with `TOPIC_MISSING` if the topic does not exist. */
  openTopic(topic: string): Promise<readonly PartitionWriter[]> {
    return this.#openAll(topic, async (number) => {
      const writer = await this.#writer.openOutput(topic, number)
      return this.#fence?.guard(writer) ?? writer
    })
  }

  async #openAll(
    topic: string,
    open: (partition: number) => Promise<PartitionWriter>,
  ): Promise<readonly PartitionWriter[]> {
    const { topics, log } = this.#spec
    const description = topics.get(topic) ?? (await log.admin.describeTopic(topic))
    // For a missing topic, opening partition 0 throws the right error.
    const partitions = description?.partitions ?? 1
    const openAll = () => Promise.all(Array.from({ length: partitions }, (_, number) => open(number)))
    return description === undefined ? openAll() : openSameTopic(log, description, openAll)
  }

  /** By topic name: the partitions of every topic that the task's steps name. */
  async openNamed(): Promise<ReadonlyMap<string, readonly PartitionWriter[]>> {
    const { subtopology, repartitionTopic } = this.#spec
    const writers = new Map<string, readonly PartitionWriter[]>()
    for (const node of subtopology.nodes) {
      if (node.kind === 'repartition') {
        const topic = repartitionTopic(node)
        writers.set(topic, await this.#openAll(topic, (number) => this.#writer.openPartition(topic, number)))
      } else if (node.kind === 'sink' && 'name' in node.topic && !writers.has(node.topic.name)) {
        writers.set(node.topic.name, await this.openTopic(node.topic.name))
      }
    }
    return writers
  }

  /** By topic name: where the task appends its dead letters. */
  async openDeadLetters(): Promise<ReadonlyMap<string, PartitionWriter>> {
    const { topology, partition } = this.#spec
    const letters = new Map<string, PartitionWriter>()
    for (const topic of deadLettersOf(topology)) {
      const writers = await this.openTopic(topic)
      const writer = writers[partition % writers.length]
      if (writer !== undefined) letters.set(topic, writer)
    }
    return letters
  }
}
