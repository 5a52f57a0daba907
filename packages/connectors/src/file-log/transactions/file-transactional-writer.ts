import {
  type AfterFlush,
  type Env,
  FencedError,
  type GroupPosition,
  type PartitionWriter,
  type RecordGroup,
  type TopicDescription,
  type TransactionalWriter,
} from '@millrace/core'
import { settleAll } from '@millrace/core/internal'
import { recordsChecksum } from '../../record-batch/batch-header.ts'
import type { Outcome } from '../../record-batch/control-batch.ts'
import { EPOCH_MAX, type Producer } from '../../record-batch/format.ts'
import type { Cleaning } from '../cleaning/cleaning.ts'
import { diskFailed, writerFenced } from '../errors.ts'
import { once } from '../once.ts'
import type { TopicStore } from '../topic-store.ts'
import { FilePartitionWriter, QUEUED_BYTES_MAX, type TransactionSession } from '../writing/file-partition-writer.ts'
import { openAppender } from '../writing/open-appender.ts'
import type { Durability, PartitionAppender } from '../writing/partition-appender.ts'
import { passGate } from './backup-gate.ts'
import type { ClosedWriters } from './closed-writers.ts'
import type { TransactionFinisher } from './finisher.ts'
import type { TransactionJournal } from './journal.ts'
import type { CommittedPartition, Decided } from './journal-record.ts'
import { newProducerId } from './producer-id.ts'
import { TransactionGroup } from './transaction-group.ts'

/**
 * The maximum number of partitions in a journal; with more, it keeps those of the present transaction. Names of 201
 * characters make entries of some 350 bytes, of which 1 MiB holds 2,995.
 */
const NAMED_PARTITIONS_MAX = 2900

/** The parts of the log that a transactional writer uses. */
export interface TransactionContext {
  readonly env: Env
  readonly data: string
  readonly topics: TopicStore
  readonly durability: Durability
  readonly groupBatchBytesMax: number
  readonly finisher: TransactionFinisher
  readonly closed: ClosedWriters
  /** The maximum number of partitions in its journal. Default 2900. */
  readonly namedPartitionsMax?: number
  readonly cleaning: Cleaning
}

interface WrittenPartition {
  readonly topic: TopicDescription
  readonly partition: number
  readonly appender: PartitionAppender
  writer: FilePartitionWriter | undefined
}

interface SealedGroup {
  readonly group: TransactionGroup
  readonly batches: readonly Buffer[]
}

/**
 * Writes transactions, one after the other. One record of the journal decides each transaction; it is made durable after the
 * transaction's records. Before that, nothing of the transaction is visible, even after a failure; after that, all of it will
 * be. Markers follow, and the next commit makes them durable: until then the journal keeps the decision.
 */
export class FileTransactionalWriter implements TransactionalWriter {
  readonly transactionalId: string
  readonly #context: TransactionContext
  readonly #journal: TransactionJournal
  readonly #partitions = new Map<string, Promise<WrittenPartition>>()
  readonly #open: WrittenPartition[] = []
  /** Those of them that have closed a segment and are not cleaned yet. */
  readonly #full = new Set<WrittenPartition>()
  readonly #session: TransactionSession
  /** The commits in each partition: by topic id and number. */
  readonly #committed = new Map<string, CommittedPartition>()
  #decided: Decided | undefined
  #producer: Producer
  /** A commit is in progress: records of the next transaction wait. */
  #committing = false
  /** Settles when no append or commit is in progress. */
  #working: Promise<unknown> = Promise.resolve()
  #failure: { readonly error: unknown } | undefined
  #closed: Promise<void> | undefined

  constructor(context: TransactionContext, journal: TransactionJournal, producer: Producer) {
    this.transactionalId = journal.transactionalId
    this.#context = context
    this.#journal = journal
    this.#producer = producer
    const current = () => this.#producer
    const waits = () => this.#committing
    this.#session = {
      get producer() {
        return current()
      },
      get waits() {
        return waits()
      },
      check: () => this.#checkOwner(),
    }
  }

  get backlogged(): boolean {
    let bytes = 0
    for (const { writer } of this.#open) bytes += writer?.queuedBytes ?? 0
    return bytes > QUEUED_BYTES_MAX
  }

  async openPartition(topic: string, partition: number): Promise<PartitionWriter> {
    this.#checkOpen()
    const written = await this.#partition(topic, partition)
    const { recordBytesMax } = written.topic
    written.writer ??= new FilePartitionWriter(topic, partition, written.appender, recordBytesMax, this.#session)
    return written.writer
  }

  async openGroup(topic: string, partition: number): Promise<RecordGroup> {
    this.#checkOpen()
    const written = await this.#partition(topic, partition)
    return new TransactionGroup(written.appender, written.topic.recordBytesMax, this.#context.groupBatchBytesMax)
  }

  /** A transaction here may take any time and any size: it never needs an early commit. */
  async flush(): Promise<AfterFlush> {
    this.#checkOpen()
    await this.#work(async () => {
      this.#checkOwner()
      await this.#drain()
    })
    return 'continue'
  }

  async commit(groups: readonly RecordGroup[], ready?: Promise<unknown>): Promise<readonly GroupPosition[]> {
    // It may reject before it is waited for.
    ready?.catch(() => undefined)
    // Up to the first wait, nothing else runs: here one transaction ends and the next begins.
    this.#checkOpen()
    if (this.#committing)
      throw new Error(`Writer ${this.transactionalId} is still committing. Await its previous commit first`)
    const producer = this.#producer
    const sealed = groups.map((group) => seal(group, producer))
    for (const { writer } of this.#open) writer?.seal()
    if (sealed.length === 0 && !this.#open.some((each) => hasPart(each, producer))) {
      this.#checkOwner()
      await ready
      return []
    }
    this.#committing = true
    this.#producer = this.#next(producer)
    const committed = this.#work(async () => {
      const positions = await this.#append(producer, sealed)
      await this.#decide(producer, ready)
      this.#committing = false
      return positions
    })
    // What was appended meanwhile is written to the files now; the next call reports a failure.
    this.#work(() => this.#drain()).catch(() => undefined)
    return committed
  }

  async abort(): Promise<void> {
    this.#checkOpen()
    return this.#abort()
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  #abort(): Promise<void> {
    return this.#work(async () => {
      const producer = this.#producer
      this.#checkOwner()
      for (const { writer } of this.#open) writer?.discard()
      if (!this.#open.some((each) => hasPart(each, producer))) return
      this.#producer = this.#next(producer)
      // The journal keeps the last commit, whose markers may not be durable yet.
      await this.#write(producer, undefined)
      await this.#end(producer, 'aborted')
    })
  }

  async #close(): Promise<void> {
    try {
      if (this.#failure === undefined) {
        await this.#abort()
        await this.#work(() => this.#retire())
      }
    } catch (error) {
      // The process that fenced this writer has the id, and has ended what the writer left open.
      if (!(error instanceof FencedError)) throw error
    } finally {
      await this.#working
      for (const { appender } of this.#open) appender.close()
      this.#open.length = 0
      this.#partitions.clear()
      this.#journal.close()
    }
  }

  async #drain(): Promise<void> {
    await settleAll(this.#open.map(async ({ writer }) => writer?.drain()))
  }

  /** Writes a sealed transaction to the partitions' files; returns the positions of its groups. */
  async #append(producer: Producer, sealed: readonly SealedGroup[]): Promise<GroupPosition[]> {
    const check = () => this.#checkOwner()
    const positions: GroupPosition[] = []
    await settleAll([
      ...this.#open.map(async ({ writer }) => writer?.drainSealed(producer)),
      ...sealed.map(async ({ group, batches }, index) => {
        for (const batch of batches) {
          const nextOffset = await group.appender.append(batch, check)
          positions[index] = { nextOffset, checksum: recordsChecksum(batch, 0) }
        }
        group.discard()
      }),
    ])
    return positions
  }

  /** Makes an appended transaction durable, decides it, and marks that in its partitions. */
  async #decide(producer: Producer, ready: Promise<unknown> | undefined): Promise<void> {
    const { durability } = this.#context
    // Also if only the markers of the last commit are new: the journal's record of that commit is about to be replaced.
    await settleAll<unknown>([ready ?? Promise.resolve(), ...this.#open.map((each) => this.#sync(each, durability))])
    const written = this.#partitionsOf(producer)
    await this.#handOver(producer, written)
    for (const [name, each] of written) this.#committed.set(name, each)
    const decided = { ...producer, partitions: [...this.#committed.values()] }
    await passGate(this.#context.env, this.#context.data)
    await this.#write(producer, decided)
    this.#decided = decided
    await this.#end(producer, 'committed')
    this.#cleanFull()
  }

  /** The partitions that a transaction has written to, by topic id and number. */
  #partitionsOf(producer: Producer): Map<string, CommittedPartition> {
    const written = new Map<string, CommittedPartition>()
    for (const { topic, partition, appender } of this.#open) {
      const end = appender.endOf(producer)
      if (end === undefined) continue
      const { id: topicId, name } = topic
      written.set(`${topicId}/${partition}`, { topic: name, topicId, partition, ...producer, end })
    }
    return written
  }

  /** Adds what the journal is about to drop to the commits of closed writers. */
  async #handOver({ id }: Producer, written: ReadonlyMap<string, CommittedPartition>): Promise<void> {
    const before = this.#decided
    const { closed, namedPartitionsMax = NAMED_PARTITIONS_MAX } = this.#context
    const added = [...written.keys()].filter((name) => !this.#committed.has(name)).length
    const full = this.#committed.size + added > namedPartitionsMax
    if (before === undefined || (before.id === id && !full)) return
    await closed.add(before)
    if (full) this.#committed.clear()
  }

  /** Records in the journal that a transaction is over: committed if `decided` is given, else aborted. */
  async #write(producer: Producer, decided: Decided | undefined): Promise<void> {
    const journal = this.#journal
    const { durability, finisher } = this.#context
    this.#checkOwner()
    journal.write({ producer: this.#producer, decided: decided ?? this.#decided ?? null })
    // A process that fences this writer from here on finds the record. If one has begun before, the journal's final record
    // decides.
    if (journal.isFenced && (decided === undefined || (await finisher.outcomeOf(journal, producer)) !== 'committed')) {
      throw writerFenced(this.transactionalId)
    }
    // If this process is stopped here, the next one makes the decision durable before it acts on it. An abort must be durable
    // too: nothing of the next transaction may be in a partition while the journal does not know of it.
    if (durability === 'fsync') await journal.sync()
  }

  async #end(producer: Producer, outcome: Outcome): Promise<void> {
    const parts = this.#open.filter(({ appender }) => appender.endOf(producer) !== undefined)
    await settleAll(parts.map(({ appender }) => appender.appendMarker(producer, outcome)))
  }

  /** Makes the last markers durable, and then removes the journal: nothing needs it any more. */
  async #retire(): Promise<void> {
    const { durability, closed, env } = this.#context
    await settleAll(this.#open.map((each) => this.#sync(each, durability)))
    this.#cleanFull()
    if (this.#decided !== undefined) await closed.add(this.#decided)
    // Whichever process has fenced this writer removes it.
    this.#checkOwner()
    env.files.remove(this.#journal.path)
  }

  async #sync(written: WrittenPartition, durability: Durability): Promise<void> {
    if (await this.#context.cleaning.syncing(() => written.appender.sync(durability))) this.#full.add(written)
  }

  /** Cleans the partitions that have closed a segment: once their transactions are over, since open ones are left alone. */
  #cleanFull(): void {
    for (const { topic, partition } of this.#full) this.#context.cleaning.behind(topic, partition)
    this.#full.clear()
  }

  #next({ id, epoch }: Producer): Producer {
    return epoch < EPOCH_MAX ? { id, epoch: epoch + 1 } : { id: newProducerId(this.#context.env), epoch: 0 }
  }

  /** Runs the steps one after the other; none after a failure. */
  #work<T>(step: () => Promise<T>): Promise<T> {
    const done = this.#working.then(async () => {
      this.#check()
      try {
        return await step()
      } catch (cause) {
        const error = diskFailed(this.#journal.path, cause)
        this.#failure ??= { error }
        throw error
      }
    })
    this.#working = done.catch(() => undefined)
    return done
  }

  /** For callers: nothing can begin once the writer is being closed. */
  #checkOpen(): void {
    this.#check()
    if (this.#closed !== undefined) throw new Error(`Writer ${this.transactionalId} is closed`)
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #checkOwner(): void {
    if (this.#journal.isFenced) throw writerFenced(this.transactionalId)
  }

  #partition(topic: string, partition: number): Promise<WrittenPartition> {
    return once(this.#partitions, `${topic}/${partition}`, async () => {
      const { env, data, topics } = this.#context
      const description = await topics.requireDurable(topic)
      const appender = await openAppender(env, data, description, partition)
      const written: WrittenPartition = { topic: description, partition, appender, writer: undefined }
      this.#open.push(written)
      return written
    })
  }
}

function seal(group: RecordGroup, producer: Producer): SealedGroup {
  if (group instanceof TransactionGroup) return { group, batches: group.seal(producer) }
  throw new Error('The group belongs to another writer')
}

/** Whether a transaction has records in a partition, in its file or still in memory. */
function hasPart({ appender, writer }: WrittenPartition, producer: Producer): boolean {
  return appender.endOf(producer) !== undefined || writer?.isPending(producer) === true
}
