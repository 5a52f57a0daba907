import { type Env, MillraceError, type OpenFile, type TopicDescription } from '@millrace/core'
import { partsDiffer } from '../errors.ts'
import { PartitionFiles } from '../partition/partition-files.ts'
import { bootMark, type Tail } from '../partition/tail.ts'
import { partitionDirectory } from '../paths.ts'
import { TopicStore } from '../topic-store.ts'
import { BackupGate } from '../transactions/backup-gate.ts'
import { type CommitRecords, differenceIn } from '../transactions/check-parts.ts'
import { readClosed } from '../transactions/closed-writers.ts'
import type { JournalRecord } from '../transactions/journal-record.ts'
import { journalsIn } from '../transactions/journals.ts'

/** Something may be decided, or come or go, during a try; more than this many in a row are not a coincidence. */
export const CUT_TRIES = 20
/**
 * A changelog records how far its job has read. It is looked at before the topics that the job reads, since those may only be
 * further.
 */
const CHANGELOG = /\.changelog$/

/** A partition as it is in a backup: up to the end in its tail. */
export interface PartitionCut {
  readonly topic: TopicDescription
  readonly partition: number
  readonly directory: string
  readonly tail: Tail
}

/** A consistent state of a data directory that others write to. */
export interface Cut {
  readonly topics: readonly TopicDescription[]
  readonly partitions: readonly PartitionCut[]
  /** By the name of the journal's file. */
  readonly journals: ReadonlyMap<string, JournalRecord>
  readonly records: CommitRecords
}

/** Keeps compaction and purges away from the segments of a cut. */
export type CleanerLocks = Map<string, OpenFile>

/**
 * Finds a place in every partition such that a transaction is before it in all partitions, or in none. The
 * journals are read before and after the tails: if they are the same, nothing was decided meanwhile. Writers that commit wait
 * for that time. What is open there stays open, and the process that restores the backup ends it. `cleaners` gets the lock of
 * every partition. `names`: only these topics; default: all.
 */
export async function takeCut(env: Env, data: string, cleaners: CleanerLocks, names?: readonly string[]): Promise<Cut> {
  let different: Error | undefined
  for (let tries = 0; tries < CUT_TRIES; tries++) {
    // Writers and topics that come or go must get their turn.
    await env.timers.turn()
    try {
      const topics = topicsIn(env, data, names)
      await prepare(env, data, topics, cleaners)
      const cut = await lookAt(env, data, topics, names)
      if (cut === undefined) continue
      different = differenceOf(data, cut)
      if (different === undefined) return cut
    } catch (error) {
      // A topic was deleted between two looks.
      if (!(error instanceof MillraceError && error.code === 'TOPIC_MISSING')) throw error
      different = error
    }
  }
  throw (
    different ??
    new Error(`Topics of ${data} are created and deleted too fast for a backup. Stop that, and start the backup again`)
  )
}

/** The topics of a cut. Throws `TOPIC_MISSING` for a name without a topic. */
function topicsIn(env: Env, data: string, names: readonly string[] | undefined): TopicDescription[] {
  const topics = new TopicStore(env, data)
  return names === undefined ? topics.list() : names.map((name) => topics.require(name))
}

/**
 * Keeps compaction and purges away from partitions: waits for compactions in progress. Whichever process takes several such locks
 * takes them in the same order.
 */
export async function holdCleaners(
  env: Env,
  data: string,
  topics: readonly TopicDescription[],
  cleaners: CleanerLocks,
): Promise<void> {
  for (const { directory } of eachPartition(data, topics)) {
    if (cleaners.has(directory)) continue
    const cleaner = env.files.open(`${directory}/cleaner`, 'write')
    cleaners.set(directory, cleaner)
    await cleaner.lock()
  }
}

/** Releases the locks. */
export function releaseCleaners(cleaners: CleanerLocks): void {
  for (const cleaner of cleaners.values()) cleaner.close()
  cleaners.clear()
}

/**
 * Recovers partitions whose appender died, and waits for compactions that are in progress. A job purges a repartition topic up to its
 * last commit, which may be behind the cut: so purges wait too.
 */
async function prepare(
  env: Env,
  data: string,
  topics: readonly TopicDescription[],
  cleaners: CleanerLocks,
): Promise<void> {
  await holdCleaners(env, data, topics, cleaners)
  for (const { topic, partition } of eachPartition(data, topics)) {
    const files = new PartitionFiles(env.files, data, topic.name, partition)
    try {
      await files.settle()
    } finally {
      files.close()
    }
  }
}

async function lookAt(
  env: Env,
  data: string,
  topics: readonly TopicDescription[],
  names: readonly string[] | undefined,
): Promise<Cut | undefined> {
  const gate = await BackupGate.close(env, data)
  try {
    // Synchronous from here on: no other step of this process runs in between.
    const decided = readDecided(env, data)
    const cut = readTails(env, data, topics, decided)
    // A transaction may have written to a topic that was created since.
    if (idsOf(topicsIn(env, data, names)) !== idsOf(topics)) return undefined
    return decided.state === readDecided(env, data).state ? cut : undefined
  } finally {
    gate.open()
  }
}

/** What the writers of a data directory have decided. */
export interface Decisions {
  readonly journals: ReadonlyMap<string, JournalRecord>
  readonly records: CommitRecords
  /** Differs when anything was decided. */
  readonly state: string
}

export function readDecided({ files }: Env, data: string): Decisions {
  // In this order: before a journal is removed, its content is added to the commits of closed writers.
  const journals = new Map(journalsIn(files, data).map(({ name, record }) => [name, record]))
  const records = { journals: [...journals.values()], closed: readClosed(files, data) }
  return { journals, records, state: JSON.stringify([[...journals], records.closed]) }
}

function readTails(
  env: Env,
  data: string,
  topics: readonly TopicDescription[],
  { journals, records }: Decisions,
): Cut | undefined {
  const partitions: PartitionCut[] = []
  for (const place of eachPartition(data, topics)) {
    const files = new PartitionFiles(env.files, data, place.topic.name, place.partition)
    try {
      const tail = files.readTail()
      // An appender died after the partition was prepared.
      if (tail === undefined || tail.boot !== bootMark(env.files.boot)) return undefined
      partitions.push({ ...place, tail })
    } finally {
      files.close()
    }
  }
  return { topics, partitions, journals, records }
}

function idsOf(topics: readonly TopicDescription[]): string {
  return topics.map(({ id }) => id).join()
}

/** What shows that parts of a cut are of different moments. */
export function differenceOf(
  data: string,
  { partitions, records }: Pick<Cut, 'partitions' | 'records'>,
): Error | undefined {
  for (const { topic, partition, tail } of partitions) {
    const what = differenceIn(tail, tail, records, topic.id, partition)
    if (what !== undefined) {
      return partsDiffer(data, `${topic.name}/${partition}`, what, { topic: topic.name, partition })
    }
  }
  return undefined
}

/** All partitions, in the order in which they are looked at. */
export function eachPartition(data: string, topics: readonly TopicDescription[]): Omit<PartitionCut, 'tail'>[] {
  const changelogs = topics.filter(({ name }) => CHANGELOG.test(name))
  const others = topics.filter(({ name }) => !CHANGELOG.test(name))
  return [...changelogs, ...others].flatMap((topic) =>
    Array.from({ length: topic.partitions }, (_, partition) => ({
      topic,
      partition,
      directory: partitionDirectory(data, topic.name, partition),
    })),
  )
}
