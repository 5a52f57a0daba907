import { type Log, type PartitionOffsets, RefusedError, type TopicDescription } from '@millrace/core'
import { checkName } from '@millrace/core/internal'

/** The offsets of every partition of a topic, by partition. */
export function topicPartitions(log: Log, topic: TopicDescription): Promise<PartitionOffsets[]> {
  return Promise.all(
    Array.from({ length: topic.partitions }, (_, partition) => log.admin.offsets(topic.name, partition)),
  )
}

/** The topic of that name; throws `BAD_NAME` and `TOPIC_MISSING`. */
export async function existingTopic(log: Log, name: string): Promise<TopicDescription> {
  checkName('topic', name)
  const topic = await log.admin.describeTopic(name)
  if (topic !== undefined) return topic
  throw new RefusedError(
    'TOPIC_MISSING',
    `Topic ${JSON.stringify(name)} does not exist in ${log.location}. Correct the name ("millrace topics list" shows the topics), or ` +
      `create it with "millrace topics create ${name}"`,
    { topic: name },
  )
}
