import type { Env } from '@millrace/core'
import type { Producer } from '../../record-batch/format.ts'
import { BackupTarget } from '../backup/backup-target.ts'
import { copyPartition } from '../backup/copy-partition.ts'
import { diskFailed } from '../errors.ts'
import { committedBy } from '../partition/committed-producers.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { partitionDirectory, topicDirectory } from '../paths.ts'
import { TopicStore } from '../topic-store.ts'
import type { ClosedWriters } from '../transactions/closed-writers.ts'

/** The new topics are made here; what a crash leaves is removed by the next call. */
const MAKING = '.replacing'

/**
 * Replaces topics by those of a copy: see `TopicCopies.replace`. Closed segments get a second name, so the copy does not change with
 * the topics.
 */
export async function replaceTopics(
  env: Env,
  data: string,
  names: readonly string[],
  copy: string,
  closed: ClosedWriters,
): Promise<void> {
  const { files } = env
  const copied = new TopicStore(env, copy)
  const topics = new TopicStore(env, data)
  const making = `${data}/${MAKING}`
  try {
    files.removeTree(making)
    const target = new BackupTarget(env, making)
    for (const name of names) {
      const topic = copied.require(name)
      const producers: Producer[] = []
      for (let partition = 0; partition < topic.partitions; partition++) {
        const directory = partitionDirectory(copy, name, partition)
        const from = new PartitionFiles(files, copy, name, partition)
        try {
          const tail = await from.settle()
          producers.push(...committedBy(tail.committed))
          await copyPartition(target, { topic, partition, directory, tail })
        } finally {
          from.close()
        }
      }
      // The journals of these writers may be gone by now: the partitions are right nevertheless.
      await closed.addProducers(producers)
      await topics.replace(topicDirectory(making, name), topic)
      // Until now the journals name the former topic: a process that starts now is refused.
      await closed.forgetTopic(name)
    }
    files.removeTree(making)
  } catch (error) {
    throw diskFailed(making, error)
  }
}
