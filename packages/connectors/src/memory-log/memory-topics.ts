import type { Env, TopicDescription, TopicSettings } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { checkPartition, topicExists, topicMissing } from '../topic-errors.ts'
import { fillSettings } from '../topic-settings.ts'
import { MemoryPartition } from './memory-partition.ts'

interface MemoryTopic {
  readonly description: TopicDescription
  readonly partitions: readonly MemoryPartition[]
}

/** The topics of a memory log. Several logs may share them, as processes share a directory. */
export class MemoryTopics {
  readonly #env: Env
  readonly #topics = new Map<string, MemoryTopic>()

  constructor(env: Env) {
    this.#env = env
  }

  create(name: string, given: Partial<TopicSettings>): TopicDescription {
    checkName('topic', name)
    const settings = fillSettings(name, given)
    if (this.#topics.has(name)) throw topicExists(name)
    const description = { name, id: this.#env.random.uuid(), ...settings }
    const partitions = Array.from(
      { length: settings.partitions },
      (_, partition) => new MemoryPartition(name, partition, settings.segmentBytes),
    )
    this.#topics.set(name, { description, partitions })
    return description
  }

  delete(name: string): void {
    for (const partition of this.require(name).partitions) partition.delete()
    this.#topics.delete(name)
  }

  describe(name: string): TopicDescription | undefined {
    checkName('topic', name)
    return this.#topics.get(name)?.description
  }

  list(): TopicDescription[] {
    return [...this.#topics.values()]
      .map(({ description }) => description)
      .sort((left, right) => (left.name < right.name ? -1 : 1))
  }

  /** Throws `TOPIC_MISSING`, `BAD_NAME`. */
  require(name: string): MemoryTopic {
    checkName('topic', name)
    const topic = this.#topics.get(name)
    if (topic === undefined) throw topicMissing(name)
    return topic
  }

  /** Throws `TOPIC_MISSING`, `PARTITION_MISSING`, `BAD_NAME`. */
  partition(name: string, partition: number): MemoryPartition {
    const { partitions } = this.require(name)
    checkPartition(name, partition, partitions.length)
    const found = partitions[partition]
    if (found === undefined) throw topicMissing(name)
    return found
  }

  clean(name: string): void {
    const { description, partitions } = this.require(name)
    const { cleanup, retentionMs, retentionBytes } = description
    const now = this.#env.clock.now()
    for (const partition of partitions) {
      if (cleanup === 'compact') partition.compact(now)
      else partition.applyRetention(now, retentionMs, retentionBytes)
    }
  }
}
