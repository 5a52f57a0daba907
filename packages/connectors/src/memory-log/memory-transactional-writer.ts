import {
  type AfterFlush,
  FencedError,
  type GroupPosition,
  type PartitionWriter,
  type RecordGroup,
  type TransactionalWriter,
} from '@millrace/core'
import type { Producer } from '../record-batch/format.ts'
import { topicMissing } from '../topic-errors.ts'
import { MemoryPartitionWriter } from './memory-partition-writer.ts'
import { MemoryRecordGroup } from './memory-record-group.ts'
import type { MemoryTopics } from './memory-topics.ts'
import { MemoryTransaction } from './memory-transaction.ts'

/** The owners of transactional ids, for their writers. */
export interface TransactionOwners {
  /** The id and epoch of the transaction after `before`; of a new producer if there was none. */
  next(before?: Producer): Producer
  /** The writer is closed. */
  release(writer: MemoryTransactionalWriter): void
}

/**
 * Writes transactions, one after the other. Nothing waits in memory: records that are appended while a commit is in progress
 * are in the partitions already, as part of the next transaction.
 */
export class MemoryTransactionalWriter implements TransactionalWriter {
  readonly transactionalId: string
  readonly backlogged = false
  readonly #topics: MemoryTopics
  readonly #owners: TransactionOwners
  readonly #groupBatchBytesMax: number
  readonly #partitions = new Map<string, MemoryPartitionWriter>()
  #transaction: MemoryTransaction
  #committing: MemoryTransaction | undefined
  /** Resolves when no commit is in progress. */
  #committed: Promise<unknown> = Promise.resolve()
  /** The error that ended this writer. */
  #failure: { readonly error: unknown } | undefined

  constructor(transactionalId: string, topics: MemoryTopics, owners: TransactionOwners, groupBatchBytesMax: number) {
    this.transactionalId = transactionalId
    this.#topics = topics
    this.#owners = owners
    this.#groupBatchBytesMax = groupBatchBytesMax
    this.#transaction = new MemoryTransaction(owners.next())
  }

  async openPartition(topic: string, partition: number): Promise<PartitionWriter> {
    this.#check()
    const name = `${topic}/${partition}`
    let writer = this.#partitions.get(name)
    if (writer === undefined) {
      const to = this.#topics.partition(topic, partition)
      const { recordBytesMax } = this.#topics.require(topic).description
      writer = new MemoryPartitionWriter(to, recordBytesMax, () => this.#current())
      this.#partitions.set(name, writer)
    }
    return writer
  }

  async openGroup(topic: string, partition: number): Promise<RecordGroup> {
    this.#check()
    const to = this.#topics.partition(topic, partition)
    const { recordBytesMax } = this.#topics.require(topic).description
    return new MemoryRecordGroup(to, recordBytesMax, this.#groupBatchBytesMax)
  }

  /** A transaction here may take any time and any size: it never needs an early commit. */
  async flush(): Promise<AfterFlush> {
    this.#check()
    try {
      this.#drain()
      return 'continue'
    } catch (error) {
      throw this.#fail(error)
    }
  }

  commit(groups: readonly RecordGroup[], ready?: Promise<unknown>): Promise<readonly GroupPosition[]> {
    const committed = this.#commit(groups, ready)
    this.#committed = Promise.allSettled([this.#committed, committed])
    return committed
  }

  async abort(): Promise<void> {
    this.#check()
    for (const writer of this.#partitions.values()) writer.discard()
    this.#transaction.end('aborted')
    this.#begin()
  }

  async close(): Promise<void> {
    await this.#committed
    this.#fail(new Error(`Writer ${this.transactionalId} is closed`))
    this.#owners.release(this)
    this.#partitions.clear()
  }

  /** Another owner has the id: nothing that this one has not decided yet will ever be committed. */
  fence(): void {
    this.#fail(
      new FencedError(
        'WRITER_FENCED',
        `Writer ${this.transactionalId} is fenced: another writer opened the same id. What it had not committed is aborted. ` +
          'Open a new writer',
      ),
    )
  }

  async #commit(groups: readonly RecordGroup[], ready: Promise<unknown> | undefined): Promise<GroupPosition[]> {
    // It may reject before it is waited for.
    ready?.catch(() => undefined)
    this.#check()
    if (this.#committing !== undefined)
      throw new Error(`Writer ${this.transactionalId} is still committing. Await its previous commit first`)
    const own = groups.map(ownGroup)
    const transaction = this.#transaction
    try {
      this.#drain()
      const positions = own.map((group) => group.put(transaction))
      this.#committing = transaction
      this.#begin()
      await ready
      this.#check()
      for (const { deleted, topic } of transaction.parts) if (deleted) throw topicMissing(topic)
      transaction.end('committed')
      return positions
    } catch (error) {
      throw this.#fail(error)
    } finally {
      this.#committing = undefined
    }
  }

  #begin(): void {
    this.#transaction = new MemoryTransaction(this.#owners.next(this.#transaction.producer))
  }

  #drain(): void {
    for (const writer of this.#partitions.values()) writer.flush()
  }

  #current(): MemoryTransaction {
    this.#check()
    return this.#transaction
  }

  #check(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  /** Ends the writer, unless it has ended already; returns the error that ended it. */
  #fail(error: unknown): unknown {
    this.#failure ??= { error }
    this.#committing?.end('aborted')
    this.#transaction.end('aborted')
    return this.#failure.error
  }
}

function ownGroup(group: RecordGroup): MemoryRecordGroup {
  if (group instanceof MemoryRecordGroup) return group
  throw new Error('The group belongs to another writer')
}
