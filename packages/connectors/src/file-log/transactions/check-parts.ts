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
import type { CommittedPartition, JournalRecord } from './journal-record.ts'
import { readJournals } from './journals.ts'

/** If a journal is written twice between the two reads of its slots, it looks empty: so it is read again this many times. */
const CHECK_TRIES = 5

/** The commits that the files beside the partitions record. */
export interface CommitRecords {
  readonly journals: readonly JournalRecord[]
  readonly closed: ClosedRecord
}

/** In this order: before a journal is removed, its content is added to the commits of closed writers. */
export function readCommitRecords(files: FileSystem, data: string): CommitRecords {
  const journals = readJournals(files, data)
  return { journals, closed: readClosed(files, data) }
}

/**
 * Throws `LOG_PARTS_DIFFER` if a partition does not match the journals: one of them is a copy from another moment. Others may
 * commit meanwhile: a journal changes before the markers that it decides, and after the records. So the journals must know
 * what the tail knew before them, and the tail must know afterwards what the journals know.
 */
export function checkParts(partition: PartitionFiles): void {
  const { files, data, topic } = partition
  let problem: string | undefined
  for (let tries = 0; tries < CHECK_TRIES; tries++) {
    const before = partition.readTail()
    const records = readCommitRecords(files, data)
    // A tail that cannot be read is recovered by the process that opens the partition, and checked then.
    if (before === undefined) return
    const named = commitsIn(records).some((each) => each.topic === topic)
    const topicId = named ? readDescription(files, data, topic)?.id : undefined
    const difference = (after: Tail) => differenceIn(before, after, records, topicId, partition.partition)
    // Usually the tail already knew what the journals know.
    if (difference(before) === undefined) return
    const after = partition.readTail()
    if (after === undefined) return
    problem = difference(after)
    if (problem === undefined) return
  }
  throw partsDiffer(data, `${topic}/${partition.partition}`, problem ?? '', { topic, partition: partition.partition })
}

/** How a partition differs from the journals, which were read between two looks at its tail; undefined if it does not. */
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

/** Throws `LOG_PARTS_DIFFER` if committed transactions have written to a topic, and it is missing or is a different one. */
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
      `topic ${name}`,
      `a committed transaction reaches offset ${lost.end} in ${name}/${lost.partition}, and ` +
        `${topic === undefined ? 'the topic does not exist' : 'it is another topic of the same name'} ` +
        `(if it was removed on purpose, run "millrace topics delete ${name}")`,
      { topic: name, partition: lost.partition },
    )
  }
  if (topic === undefined) return
  const found = files.list(topicDirectory(data, name)).filter((entry) => /^\d+$/.test(entry)).length
  if (found === topic.partitions) return
  const what = `topic.json states ${amount(topic.partitions, 'partition')}, and ${found} ${found === 1 ? 'exists' : 'exist'}`
  throw partsDiffer(data, `topic ${name}`, what, { topic: name })
}

/** Whether a committed transaction has written to a topic with that name, and the topic was not deleted since then. */
export function namesTopic(files: FileSystem, data: string, name: string): boolean {
  return commitsIn(readCommitRecords(files, data)).some(({ topic }) => topic === name)
}

/** The commits in partitions of topics that were not deleted. */
export function commitsIn({ journals, closed }: CommitRecords): CommittedPartition[] {
  const all = [...closed.partitions, ...journals.flatMap(({ decided }) => decided?.partitions ?? [])]
  return all.filter(({ topicId }) => !closed.deletedTopics.includes(topicId))
}

/** A commit that a partition holds and no journal knows. */
function unknownCommit({ committed, open }: Tail, records: CommitRecords): string | undefined {
  for (const { id, epoch } of committedBy(committed)) {
    const known = lastCommitOf(id, records)
    if (known !== undefined && known >= epoch) continue
    const last = known === undefined ? 'no commit of that producer' : `its commits up to epoch ${known}`
    return `it holds a committed transaction of producer ${id}, epoch ${epoch}, and the journals have ${last}: they are older`
  }
  for (const { id, epoch, firstOffset } of open) {
    const journal = records.journals.find(({ producer }) => producer.id === id)
    if (journal === undefined || journal.producer.epoch >= epoch) continue
    return `it holds a transaction of producer ${id}, epoch ${epoch}, from offset ${firstOffset} on, and its journal is at epoch ${journal.producer.epoch}: the journal is older`
  }
  return undefined
}

/** A commit that is in the journals, but not in the partition. */
function missingCommit(
  { nextOffset, committed, open }: Tail,
  commits: readonly CommittedPartition[],
): string | undefined {
  for (const commit of commits) {
    if (commit.end > nextOffset) {
      return `it ends at offset ${nextOffset}, and a committed transaction reaches offset ${commit.end} there: the partition is older`
    }
    // The partition may have forgotten a producer that it does not know, together with markers that compaction removed.
    const epoch = epochIn(committed, commit.id)
    if (epoch === undefined || epoch >= commit.epoch || open.some((each) => sameTransaction(each, commit))) continue
    return `it continues to offset ${nextOffset} without the transaction of producer ${commit.id}, epoch ${commit.epoch}, that was committed there up to offset ${commit.end}: the partition has another history`
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
