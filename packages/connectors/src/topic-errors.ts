import { FatalError, RefusedError } from '@millrace/core'

export function topicMissing(topic: string): RefusedError {
  return new RefusedError(
    'TOPIC_MISSING',
    `There is no topic ${topic}. Create it: millrace topics create ${topic} --partitions <n>`,
    { topic },
  )
}

export function topicExists(topic: string): RefusedError {
  return new RefusedError('TOPIC_EXISTS', `There is a topic ${topic} already`, { topic })
}

/** Throws `PARTITION_MISSING` if a topic with so many partitions has no partition of that number. */
export function checkPartition(topic: string, partition: number, partitions: number): void {
  if (Number.isSafeInteger(partition) && partition >= 0 && partition < partitions) return
  throw new RefusedError(
    'PARTITION_MISSING',
    `${topic} has no partition ${partition}: it has ${partitions}, from 0 to ${partitions - 1}`,
    { topic, partition },
  )
}

export function offsetGone(topic: string, partition: number, offset: number, start: number): FatalError {
  return new FatalError(
    'OFFSET_GONE',
    `${topic}/${partition} starts at offset ${start}; offset ${offset}, where reading should go on, was deleted by retention`,
    { topic, partition, offset },
  )
}
