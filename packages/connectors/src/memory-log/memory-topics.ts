import { type Env, RefusedError, type TopicDescription, type TopicSettings } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { checkPartition, topicExists, topicMissing } from '../topic-errors.ts'
import { fillSettings } from '../topic-settings.ts'
import { MemoryPartition } from './memory-partition.ts'

interface MemoryTopic {
  readonly description: TopicDescription
  readonly partitions: readonly MemoryPartition[]
}

/** What a memory log holds: its topics, and who claimed which job. Several logs may share it, as processes a directory. */
export class MemoryTopics {
  readonly #env: Env
  readonly #topics = new Map<string, MemoryTopic>()
  readonly #claimed = new Set<string>()

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

  /** Claims a job's name; the returned function gives it up. Throws `JOB_RUNNING`, `BAD_NAME`. */
  claim(job: string): () => void {
    checkName('job', job)
    if (this.#claimed.has(job)) {
      throw new RefusedError('JOB_RUNNING', `The job ${job} is running already: stop it first`, { job })
    }
    this.#claimed.add(job)
    let held = true
    return () => {
      if (held) this.#claimed.delete(job)
      held = false
    }
  }
}
