import { FatalError, RefusedError } from '@millrace/core'
import { amount } from '@millrace/core/internal'

export function topicMissing(topic: string): RefusedError {
  return new RefusedError(
    'TOPIC_MISSING',
    `Topic ${topic} does not exist. Correct the name, or create it with "millrace topics create ${topic} --partitions <n>"`,
    { topic },
  )
}

export function topicRescaled(topic: string): RefusedError {
  return new RefusedError(
    'TOPIC_RESCALED',
    `Topic ${topic} gets another number of partitions, and nothing can be appended to those that this process has opened. Open the topic ` +
      'again once "millrace rescale" has ended. What was appended and not flushed may or may not be in the topic',
    { topic },
  )
}

export function topicExists(topic: string): RefusedError {
  return new RefusedError(
    'TOPIC_EXISTS',
    `Topic ${topic} already exists. Choose another name, or delete it with "millrace topics delete ${topic}"`,
    { topic },
  )
}

/** Throws `PARTITION_MISSING` if a topic with so many partitions has no partition of that number. */
export function checkPartition(topic: string, partition: number, partitions: number): void {
  if (Number.isSafeInteger(partition) && partition >= 0 && partition < partitions) return
  throw new RefusedError(
    'PARTITION_MISSING',
    `Topic ${topic} has no partition ${partition}. It has ${amount(partitions, 'partition')}, counted from 0`,
    { topic, partition },
  )
}

export function offsetGone(topic: string, partition: number, offset: number, start: number): FatalError {
  return new FatalError(
    'OFFSET_GONE',
    `Partition ${topic}/${partition} cannot be read from offset ${offset}: retention or a purge deleted its records before offset ${start}. ` +
      `Read from offset ${start} on (for a job: run "millrace reset <job>"), and give the topic a longer retention`,
    { topic, partition, offset },
  )
}
