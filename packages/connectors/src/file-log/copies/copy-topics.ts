import type { Env } from '@millrace/core'
import { copyText, writeDecisions } from '../backup/back-up.ts'
import { BackupTarget } from '../backup/backup-target.ts'
import { copyPartition } from '../backup/copy-partition.ts'
import { type CleanerLocks, holdCleaners, releaseCleaners, takeCut } from '../backup/cut.ts'
import { VERSION_FILE } from '../data-directory.ts'
import { diskFailed } from '../errors.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { topicDirectory, topicsDirectory, transactionsDirectory } from '../paths.ts'
import { syncNames } from '../sync.ts'
import { TopicStore } from '../topic-store.ts'
import { ClosedWriters } from '../transactions/closed-writers.ts'
import { TransactionFinisher } from '../transactions/finisher.ts'
import { syncActive } from '../writing/sync-active.ts'

/**
 * Copies topics as they are at one moment: see `TopicCopies.copy`. The copy is laid out like a data directory of these topics
 * alone. Closed segments get a second name. The active segment of each partition is copied up to the moment, and ends there with
 * the markers of the transactions that were open: committed if their journal had decided so by then, and aborted otherwise.
 */
export async function copyTopics(
  env: Env,
  data: string,
  names: readonly string[],
  directory: string,
  beforeMoment: () => Promise<void>,
): Promise<void> {
  const { files } = env
  const topics = new TopicStore(env, data)
  const cleaners: CleanerLocks = new Map()
  try {
    await holdCleaners(
      env,
      data,
      names.map((name) => topics.require(name)),
      cleaners,
    )
    await beforeMoment()
    const cut = await takeCut(env, data, cleaners, names)
    const target = new BackupTarget(env, directory)
    for (const each of cut.partitions) await copyPartition(target, each)
    releaseCleaners(cleaners)
    await writeDecisions(target, data, cut)
    await endTransactions(env, directory)
    await copyText(target, data, directory, VERSION_FILE)
    for (const name of names) await syncNames(files, topicDirectory(directory, name))
    for (const each of [transactionsDirectory(directory), topicsDirectory(directory), directory])
      await syncNames(files, each)
  } catch (error) {
    throw diskFailed(directory, error)
  } finally {
    releaseCleaners(cleaners)
  }
}

/** Ends what is open in a copy, durably. Its owners are not there, so nothing has to be waited for. */
async function endTransactions(env: Env, directory: string): Promise<void> {
  const topics = new TopicStore(env, directory)
  const finisher = new TransactionFinisher(env, directory, topics, 'fsync', new ClosedWriters(env, directory))
  for (const { name, partitions } of topics.list()) {
    for (let partition = 0; partition < partitions; partition++) {
      const files = new PartitionFiles(env.files, directory, name, partition)
      try {
        if ((await files.settle()).open.length === 0) continue
        await finisher.finishIn(files)
        if ((await files.settle()).open.length > 0) throw new Error(`A transaction is open in the copy of ${name}`)
        await syncActive(files)
        await files.syncTail()
      } finally {
        files.close()
      }
    }
  }
}
