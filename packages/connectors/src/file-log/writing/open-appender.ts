import type { Env, TopicDescription } from '@millrace/core'
import { topicRescaled } from '../../topic-errors.ts'
import { diskFailed } from '../errors.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { readDescription } from '../topic-store.ts'
import { checkParts } from '../transactions/check-parts.ts'
import { PartitionAppender } from './partition-appender.ts'

/**
 * Opens a partition for appending; repairs it first if its last appender died. Throws `LOG_PARTS_DIFFER`, and `TOPIC_RESCALED` if the
 * topic is not the one that was described any more: a partition of that number may be there, and is for other keys.
 */
export async function openAppender(
  env: Env,
  data: string,
  topic: TopicDescription,
  partition: number,
): Promise<PartitionAppender> {
  const isReplaced = () => (readDescription(env.files, data, topic.name)?.id ?? topic.id) !== topic.id
  let files: PartitionFiles | undefined
  try {
    files = new PartitionFiles(env.files, data, topic.name, partition)
    await files.settle()
    checkParts(files)
    if (isReplaced()) throw topicRescaled(topic.name)
    return new PartitionAppender(files, topic.segmentBytes)
  } catch (error) {
    files?.close()
    if (isReplaced()) throw topicRescaled(topic.name)
    throw diskFailed(files?.directory ?? data, error, { topic: topic.name, partition })
  }
}
