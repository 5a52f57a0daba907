import type {
  Claim,
  Clock,
  Env,
  JoinOptions,
  Log,
  LogAdmin,
  LogCapabilities,
  LogReader,
  LogWriter,
  Membership,
  MillraceError,
  PartitionOffsets,
  ReaderOptions,
  Rescaling,
  TopicCopies,
  TopicDescription,
  TopicSettings,
  TransactionalWriter,
  WriterOptions,
} from '@millrace/core'
import { checkName, settleAll } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import type { Observable } from 'rxjs'
import { GROUP_BATCH_BYTES_MAX } from '../record-batch/group-builder.ts'
import { checkPartition } from '../topic-errors.ts'
import { checkUnclaimed, claimJob } from './claim.ts'
import { Cleaning } from './cleaning/cleaning.ts'
import { compact } from './cleaning/compaction.ts'
import { applyRetention, purgeBefore, purgeUnlessCopied } from './cleaning/retention.ts'
import { copyTopics } from './copies/copy-topics.ts'
import { replaceTopics } from './copies/replace-topics.ts'
import { openDataDirectory } from './data-directory.ts'
import { diskFailed } from './errors.ts'
import { FileMembership } from './membership/file-membership.ts'
import { offsetAt } from './partition/offset-at.ts'
import { PartitionFiles } from './partition/partition-files.ts'
import { stableOffset, type Tail } from './partition/tail.ts'
import { partitionDirectory } from './paths.ts'
import { FileLogReader } from './reading/file-log-reader.ts'
import { rescaleTopic } from './rescaling/rescale-topic.ts'
import { TopicStore } from './topic-store.ts'
import { checkParts, checkTopic, differenceIn, namesTopic, readCommitRecords } from './transactions/check-parts.ts'
import { ClosedWriters } from './transactions/closed-writers.ts'
import { TransactionFinisher } from './transactions/finisher.ts'
import { openTransactionalWriter } from './transactions/open-transactional-writer.ts'
import { FileLogWriter } from './writing/file-log-writer.ts'
import type { Durability } from './writing/partition-appender.ts'

/**
 * After appends, a partition is compacted only when the part that is not compacted yet is at least this fraction of the
 * compacted part. So each byte is rewritten a bounded number of times, and the log stays within a bounded multiple of its
 * live records.
 */
const DIRTY_RATIO_MIN = 0.5

/** The options of `openFileLog`. */
export interface FileLogOptions {
  /** The data directory; made if it is missing, for this user alone (0700). */
  readonly directory: string
  /** The clock, the timers and the disk. Default: Node's. */
  readonly env?: Env
  /** `fsync`: a flush survives a power cut. `os`: it survives the death of any process. Default `fsync`. */
  readonly durability?: Durability
  /**
   * The largest batch in which a commit writes a task's changes, bytes: more changes go into several batches. Default 1 MiB,
   * which is what a broker of Kafka takes.
   */
  readonly groupBatchBytesMax?: number
}

/**
 * Opens the log in a directory: any number of processes on this machine append to it and read it at the same time, without a
 * daemon. Throws `DATA_VERSION`, `DATA_OWNER`, `LOG_FULL`.
 */
export async function openFileLog(options: FileLogOptions): Promise<Log> {
  const { directory, env = nodeEnv(), durability = 'fsync', groupBatchBytesMax = GROUP_BATCH_BYTES_MAX } = options
  await openDataDirectory(env, directory)
  const topics = new TopicStore(env, directory)
  await topics.finishRescales()
  await topics.finishDeletions()
  return new FileLog(directory, env, durability, topics, groupBatchBytesMax)
}

class FileLog implements Log {
  readonly kind = 'file'
  readonly location: string
  readonly capabilities: LogCapabilities
  readonly clock: Clock
  readonly admin: FileLogAdmin
  readonly copies: TopicCopies
  readonly #env: Env
  readonly #durability: Durability
  readonly #topics: TopicStore
  readonly #finisher: TransactionFinisher
  readonly #closed: ClosedWriters
  readonly #cleaning: Cleaning
  readonly #open = new Set<{ close(): Promise<void> }>()

  constructor(directory: string, env: Env, durability: Durability, topics: TopicStore, groupBatchBytesMax: number) {
    this.location = directory
    this.capabilities = { transactions: 'all', membership: true, local: true, groupBatchBytesMax }
    this.clock = env.clock
    this.#env = env
    this.#durability = durability
    this.#topics = topics
    this.#closed = new ClosedWriters(env, directory)
    this.#finisher = new TransactionFinisher(env, directory, topics, durability, this.#closed)
    this.admin = new FileLogAdmin(directory, env, topics, this.#finisher, this.#closed)
    this.copies = {
      copy: (names, to, beforeMoment = async () => {}) => copyTopics(env, directory, names, to, beforeMoment),
      replace: (names, from) => replaceTopics(env, directory, names, from, this.#closed),
      open: (copy) => openFileLog({ directory: copy, env, durability }),
    }
    this.#cleaning = new Cleaning(
      (topic, partition, signal) => this.admin.cleanPartition(topic, partition, DIRTY_RATIO_MIN, signal),
      env.timers,
    )
  }

  get cleaningFailures(): Observable<readonly MillraceError[]> {
    return this.#cleaning.failures
  }

  async rescale(topic: string, partitions: number): Promise<Rescaling> {
    const context = {
      env: this.#env,
      data: this.location,
      topics: this.#topics,
      finisher: this.#finisher,
      closed: this.#closed,
    }
    const rescaling = await rescaleTopic(context, topic, partitions)
    this.#open.add(rescaling)
    return rescaling
  }

  openReader({ isolation = 'committed' }: ReaderOptions = {}): LogReader {
    const closed = (each: FileLogReader) => this.#open.delete(each)
    const reader = new FileLogReader(this.#env, this.location, isolation, this.#durability, this.#finisher, closed)
    this.#open.add(reader)
    return reader
  }

  openWriter(options: WriterOptions = {}): LogWriter {
    const writer = new FileLogWriter(this.#env, this.location, this.#topics, this.#durability, this.#cleaning, options)
    this.#open.add(writer)
    return writer
  }

  async openTransactionalWriter(transactionalId: string): Promise<TransactionalWriter> {
    const context = {
      env: this.#env,
      data: this.location,
      topics: this.#topics,
      durability: this.#durability,
      groupBatchBytesMax: this.capabilities.groupBatchBytesMax,
      finisher: this.#finisher,
      closed: this.#closed,
      cleaning: this.#cleaning,
    }
    const writer = await openTransactionalWriter(context, transactionalId)
    this.#open.add(writer)
    return writer
  }

  async claim(name: string): Promise<Claim> {
    const claim = await claimJob(this.#env, this.location, name)
    this.#open.add({ close: claim.release })
    return claim
  }

  async join(group: string, options: JoinOptions): Promise<Membership> {
    const membership = await FileMembership.join({
      ...options,
      env: this.#env,
      group,
      data: this.location,
      openWriter: (member) => this.openTransactionalWriter(`${group}.${member}`),
      fence: (member) => this.#finisher.retire(`${group}.${member}`),
      needsFence: (member) => this.#finisher.hasJournal(`${group}.${member}`),
      checkUnclaimed: () => checkUnclaimed(this.#env.files, this.location, group),
    })
    this.#open.add({ close: () => membership.leave() })
    return membership
  }

  async close(): Promise<void> {
    const open = [...this.#open]
    this.#open.clear()
    try {
      await settleAll(open.map((each) => each.close()))
    } finally {
      // Closing a writer may also have closed a segment.
      await this.#cleaning.settle()
    }
  }
}

class FileLogAdmin implements LogAdmin {
  readonly #data: string
  readonly #env: Env
  readonly #topics: TopicStore
  readonly #finisher: TransactionFinisher
  readonly #closed: ClosedWriters

  constructor(data: string, env: Env, topics: TopicStore, finisher: TransactionFinisher, closed: ClosedWriters) {
    this.#data = data
    this.#env = env
    this.#topics = topics
    this.#finisher = finisher
    this.#closed = closed
  }

  createTopic(name: string, settings: Partial<TopicSettings> = {}): Promise<TopicDescription> {
    return this.#topics.create(name, settings)
  }

  async deleteTopic(name: string): Promise<void> {
    checkName('topic', name)
    const written = namesTopic(this.#env.files, this.#data, name)
    // This comes first: a topic that is missing, and not known to be deleted, counts as lost.
    if (written) await this.#closed.forgetTopic(name)
    // A user may have removed the directory; then this records that it was on purpose.
    if (!written || this.#topics.describe(name) !== undefined) await this.#topics.delete(name)
  }

  async describeTopic(name: string): Promise<TopicDescription | undefined> {
    checkName('topic', name)
    return this.#topics.describe(name)
  }

  async listTopics(): Promise<TopicDescription[]> {
    return this.#topics.list()
  }

  async checkTopics(names: readonly string[]): Promise<void> {
    const { files } = this.#env
    const before = readCommitRecords(files, this.#data)
    const tails: { readonly topic: TopicDescription; readonly partition: number; readonly tail: Tail }[] = []
    for (const name of names) {
      const topic = this.#topics.describe(name)
      checkTopic(files, this.#data, before, name, topic)
      if (topic === undefined) continue
      for (let partition = 0; partition < topic.partitions; partition++) {
        const tail = await this.#with(name, partition, (each) => each.settle())
        tails.push({ topic, partition, tail })
      }
    }
    // The journals are read once for all partitions. If they know more than a tail did before, a second look decides.
    const records = readCommitRecords(files, this.#data)
    for (const { topic, partition, tail } of tails) {
      if (differenceIn(tail, tail, records, topic.id, partition) === undefined) continue
      await this.#with(topic.name, partition, async (each) => checkParts(each))
    }
  }

  offsets(topic: string, partition: number): Promise<PartitionOffsets> {
    return this.#with(topic, partition, async (files) => {
      let tail = await files.settle()
      if (tail.open.length > 0) {
        await this.#finisher.finishIn(files)
        tail = await files.settle()
      }
      return { start: tail.startOffset, end: stableOffset(tail) }
    })
  }

  rewrittenBefore(topic: string, partition: number): Promise<number> {
    const { cleanup } = this.#topics.require(topic)
    // A compaction that was cut off may have rewritten any of the closed segments.
    return this.#with(topic, partition, async (files) =>
      cleanup === 'compact' ? (await files.settle()).activeBase : 0,
    )
  }

  offsetAt(topic: string, partition: number, timestamp: number): Promise<number> {
    return this.#with(topic, partition, (files) => offsetAt(files, timestamp))
  }

  async purge(topic: string, partition: number, offset: number): Promise<void> {
    const purge = this.#topics.require(topic).cleanup === 'compact' ? purgeBefore : purgeUnlessCopied
    return this.#with(topic, partition, (files) => purge(files, offset))
  }

  async clean(topic: string): Promise<void> {
    const description = this.#topics.require(topic)
    for (let partition = 0; partition < description.partitions; partition++) {
      await this.cleanPartition(description, partition, 0)
    }
  }

  async sizeBytes(topic: string): Promise<number> {
    const { partitions } = this.#topics.require(topic)
    const { files } = this.#env
    let bytes = 0
    for (let partition = 0; partition < partitions; partition++) {
      const directory = partitionDirectory(this.#data, topic, partition)
      for (const name of files.list(directory)) bytes += files.stat(`${directory}/${name}`)?.bytes ?? 0
    }
    return bytes
  }

  /** Compacts a partition, or deletes what exceeds its topic's retention. */
  cleanPartition(
    topic: TopicDescription,
    partition: number,
    dirtyRatioMin: number,
    signal?: AbortSignal,
  ): Promise<void> {
    const { segmentBytes } = topic
    return this.#with(topic.name, partition, (files) =>
      topic.cleanup === 'compact'
        ? compact(this.#env, files, { segmentBytes, dirtyRatioMin, ...(signal && { signal }) })
        : applyRetention(this.#env, files, topic),
    )
  }

  async #with<T>(topic: string, partition: number, act: (files: PartitionFiles) => Promise<T>): Promise<T> {
    const { partitions } = this.#topics.require(topic)
    checkPartition(topic, partition, partitions)
    const files = new PartitionFiles(this.#env.files, this.#data, topic, partition)
    try {
      return await act(files)
    } catch (error) {
      throw diskFailed(files.directory, error, { topic, partition })
    } finally {
      files.close()
    }
  }
}
