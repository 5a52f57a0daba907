import type { Env, TopicDescription } from '@millrace/core'
import { diskFailed } from '../errors.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { checkParts } from '../transactions/check-parts.ts'
import { PartitionAppender } from './partition-appender.ts'

/** Opens a partition for appending; repairs it first if its last appender died. Throws `LOG_PARTS_DIFFER`. */
export async function openAppender(
  env: Env,
  data: string,
  topic: TopicDescription,
  partition: number,
): Promise<PartitionAppender> {
  const files = new PartitionFiles(env.files, data, topic.name, partition)
  try {
    await files.settle()
    checkParts(files)
  } catch (error) {
    files.close()
    throw diskFailed(files.directory, error, { topic: topic.name, partition })
  }
  return new PartitionAppender(files, topic.segmentBytes)
}
