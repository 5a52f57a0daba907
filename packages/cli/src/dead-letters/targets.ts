import { type Batch, type Log, RefusedError, type TopicDescription } from '@millrace/core'
import { type FailedInput, partitionOf } from '@millrace/core/internal'
import { existingTopic } from '../topics/topic-partitions.ts'

/** Finds the partitions to which records are sent again. */
export class Targets {
  readonly #log: Log
  readonly #byKey: boolean
  readonly #topics = new Map<string, TopicDescription>()

  /** `byKey`: a record goes to the partition of its key, and not to that from which it was read. */
  constructor(log: Log, byKey: boolean) {
    this.#log = log
    this.#byKey = byKey
  }

  /**
   * The partition for the dead letter at the cursor. Throws `TOPIC_MISSING`, `PARTITION_MISSING`, and `RESEND_REFUSED` if the topic
   * is not the one from which the record was read.
   */
  async partitionFor({ topic: name, topicId, partition }: FailedInput, batch: Batch): Promise<number> {
    const topic = await this.#topic(name)
    const { keyStart, keyEnd, bytes } = batch
    const { partitions } = topic
    if (this.#byKey) return keyStart < 0 ? partition % partitions : partitionOf(bytes, keyStart, keyEnd, partitions)
    if (topicId !== undefined && topicId !== topic.id) throw replaced(name, batch)
    if (partition >= partitions) throw partitionMissing(topic, partition, batch)
    return partition
  }

  async #topic(name: string): Promise<TopicDescription> {
    const topic = this.#topics.get(name) ?? (await existingTopic(this.#log, name))
    this.#topics.set(name, topic)
    return topic
  }
}

const BY_KEY = 'Nothing was sent. Give --by-key to send each record to the partition of its key'

function replaced(name: string, batch: Batch): RefusedError {
  return new RefusedError(
    'RESEND_REFUSED',
    `Topic ${name} is not the one from which the record of ${placeOf(batch)} was read: it was rescaled, or deleted and created ` +
      `again. ${BY_KEY}`,
    { topic: name },
  )
}

function partitionMissing({ name, partitions }: TopicDescription, partition: number, batch: Batch): RefusedError {
  return new RefusedError(
    'PARTITION_MISSING',
    `Topic ${name} has no partition ${partition} for the record of ${placeOf(batch)}: it has ${partitions}, counted from 0. ${BY_KEY}`,
    { topic: name, partition },
  )
}

/** Where a dead letter is. */
export function placeOf({ topic, partition, offset }: Batch): string {
  return `the dead letter at ${topic}/${partition} offset ${offset}`
}
