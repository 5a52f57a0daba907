import type { FileSystem, TopicDescription } from '@millrace/core'
import { amount } from '@millrace/core/internal'
import type { Producer } from '../../record-batch/format.ts'
import { partsDiffer } from '../errors.ts'
import { committedBy, epochIn } from '../partition/committed-producers.ts'
import { sameTransaction } from '../partition/open-transactions.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import type { Tail } from '../partition/tail.ts'
import { topicDirectory } from '../paths.ts'
import { readDescription } from '../topic-store.ts'
import { type ClosedRecord, NO_COMMIT, readClosed } from './closed-writers.ts'
import type { CommittedPartition, JournalRecord } from './journal.ts'
import { readJournals } from './journals.ts'

/** A journal that is written twice between the two reads of its slots looks empty: so often it is read again. */
const CHECK_TRIES = 5

/** What the files beside the partitions say of commits. */
export interface CommitRecords {
  readonly journals: readonly JournalRecord[]
  readonly closed: ClosedRecord
}

/** In this order: a journal is removed after what it said has been added to what closed writers have committed. */
export function readCommitRecords(files: FileSystem, data: string): CommitRecords {
  const journals = readJournals(files, data)
  return { journals, closed: readClosed(files, data) }
}

/**
 * Throws `LOG_PARTS_DIFFER` where a partition does not belong with what the journals say: one of them is a copy from another
 * moment. Others may commit meanwhile: a journal changes before the markers that it decides, and after the records. So what
 * the tail knew before, the journals must know, and what they know, the tail must know after.
 */
export function checkParts(partition: PartitionFiles): void {
  const { files, data, topic } = partition
  let problem: string | undefined
  for (let tries = 0; tries < CHECK_TRIES; tries++) {
    const before = partition.readTail()
    const records = readCommitRecords(files, data)
    // One that cannot be read is recovered by whoever opens the partition, and checked then.
    if (before === undefined) return
    const named = commitsIn(records).some((each) => each.topic === topic)
    const topicId = named ? readDescription(files, data, topic)?.id : undefined
    const difference = (after: Tail) => differenceIn(before, after, records, topicId, partition.partition)
    // Mostly the tail knew before what the journals know.
    if (difference(before) === undefined) return
    const after = partition.readTail()
    if (after === undefined) return
    problem = difference(after)
    if (problem === undefined) return
  }
  throw partsDiffer(data, `${topic}/${partition.partition}`, problem ?? '', { topic, partition: partition.partition })
}

/** In what a partition differs from what the journals said between two looks at its tail; undefined where in nothing. */
export function differenceIn(
  before: Tail,
  after: Tail,
  records: CommitRecords,
  topicId: string | undefined,
  partition: number,
): string | undefined {
  const commits = commitsIn(records).filter((each) => each.topicId === topicId && each.partition === partition)
  return unknownCommit(before, records) ?? missingCommit(after, commits)
}

/** Throws `LOG_PARTS_DIFFER` where a topic is missing or is another one, and committed transactions have written to it. */
export function checkTopic(
  files: FileSystem,
  data: string,
  records: CommitRecords,
  name: string,
  topic: TopicDescription | undefined,
): void {
  const lost = commitsIn(records).find((each) => each.topic === name && each.topicId !== topic?.id)
  if (lost !== undefined) {
    throw partsDiffer(
      data,
      `the topic ${name}`,
      `a committed transaction reaches offset ${lost.end} in ${name}/${lost.partition}, and ` +
        `${topic === undefined ? 'there is no such topic' : 'the topic is another one of the same name'} ` +
        `("millrace topics delete ${name}" says that it was removed on purpose)`,
      { topic: name, partition: lost.partition },
    )
  }
  if (topic === undefined) return
  const found = files.list(topicDirectory(data, name)).filter((entry) => /^\d+$/.test(entry)).length
  if (found === topic.partitions) return
  const what = `topic.json says ${amount(topic.partitions, 'partition')}, and ${found} ${found === 1 ? 'is' : 'are'} there`
  throw partsDiffer(data, `the topic ${name}`, what, { topic: name })
}

/** Whether a committed transaction has written to a topic of that name, which was not deleted since. */
export function namesTopic(files: FileSystem, data: string, name: string): boolean {
  return commitsIn(readCommitRecords(files, data)).some(({ topic }) => topic === name)
}

/** What was committed, in partitions of topics that were not deleted. */
function commitsIn({ journals, closed }: CommitRecords): CommittedPartition[] {
  const all = [...closed.partitions, ...journals.flatMap(({ decided }) => decided?.partitions ?? [])]
  return all.filter(({ topicId }) => !closed.deletedTopics.includes(topicId))
}

/** What a partition holds and no journal knows of. */
function unknownCommit({ committed, open }: Tail, records: CommitRecords): string | undefined {
  for (const { id, epoch } of committedBy(committed)) {
    const known = lastCommitOf(id, records)
    if (known !== undefined && known >= epoch) continue
    const last = known === undefined ? 'nothing of that producer' : `its commits up to epoch ${known}`
    return `it holds a committed transaction of producer ${id}, epoch ${epoch}, and the journals know ${last}: they are older`
  }
  for (const { id, epoch, firstOffset } of open) {
    const journal = records.journals.find(({ producer, retired }) => producer.id === id && !retired)
    if (journal === undefined || journal.producer.epoch >= epoch) continue
    return `it holds a transaction of producer ${id}, epoch ${epoch}, from offset ${firstOffset} on, and its journal has only come to epoch ${journal.producer.epoch}: the journal is older`
  }
  return undefined
}

/** What the journals say that a partition holds, and it does not. */
function missingCommit(
  { nextOffset, committed, open }: Tail,
  commits: readonly CommittedPartition[],
): string | undefined {
  for (const commit of commits) {
    if (commit.end > nextOffset) {
      return `it ends at offset ${nextOffset}, and a committed transaction reaches offset ${commit.end} there: the partition is older`
    }
    // A producer that the partition does not know may have been forgotten, with markers that compaction has removed.
    const epoch = epochIn(committed, commit.id)
    if (epoch === undefined || epoch >= commit.epoch || open.some((each) => sameTransaction(each, commit))) continue
    return `it goes on to offset ${nextOffset} without the transaction of producer ${commit.id}, epoch ${commit.epoch}, that was committed there up to offset ${commit.end}: the partition is of another history`
  }
  return undefined
}

function lastCommitOf(id: number, { journals, closed }: CommitRecords): number | undefined {
  const epochs: number[] = []
  const note = (each: Producer | null) => {
    if (each?.id === id && each.epoch !== NO_COMMIT) epochs.push(each.epoch)
  }
  for (const each of closed.producers) note(each)
  for (const { decided } of journals) note(decided)
  return epochs.length === 0 ? undefined : Math.max(...epochs)
}
