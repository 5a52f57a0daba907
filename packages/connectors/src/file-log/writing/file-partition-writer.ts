import type { Headers, PartitionWriter, Serde } from '@millrace/core'
import { BatchBuilder } from '../../record-batch/batch-builder.ts'
import type { Producer } from '../../record-batch/format.ts'
import { Stretch } from '../../record-batch/stretch.ts'
import type { Durability, Guard, PartitionAppender } from './partition-appender.ts'

/** What the writers of a transactional writer's partitions need to know from it. */
export interface TransactionSession {
  /** The transaction that records belong to now: one object for each. */
  readonly producer: Producer
  /** The last transaction is being committed: records of this one wait in memory. */
  readonly waits: boolean
  /** Throws `WRITER_FENCED` if this transaction may not be appended to any more. */
  check(producer: Producer): void
}

/** How much a writer holds in memory before the caller must wait; 16 batches of the usual size. */
export const QUEUED_BYTES_MAX = 16 * 1024 * 1024

interface QueuedBatch {
  readonly batch: Buffer
  readonly producer: Producer | undefined
}

/**
 * Appends to one partition: records gather in a batch. A full batch is written to the file at once if the partition's lock is
 * free; otherwise it waits in a queue for the next flush. The order is that of the calls.
 */
export class FilePartitionWriter implements PartitionWriter {
  readonly topic: string
  readonly partition: number
  nextOffset = -1
  readonly #appender: PartitionAppender
  readonly #builder: BatchBuilder
  readonly #stretch: Stretch
  readonly #session: TransactionSession | undefined
  /** Throws if the disk has no room for this writer. */
  readonly #checkRoom: () => void
  readonly #queue: QueuedBatch[] = []
  #queuedBytes = 0

  constructor(
    topic: string,
    partition: number,
    appender: PartitionAppender,
    recordBytesMax: number,
    session?: TransactionSession,
    checkRoom: () => void = () => undefined,
  ) {
    this.topic = topic
    this.partition = partition
    this.#appender = appender
    this.#session = session
    this.#checkRoom = checkRoom
    this.#builder = new BatchBuilder(recordBytesMax, topic)
    this.#stretch = new Stretch(this.#builder)
  }

  /** Bytes that wait for the lock, or for the transaction before. */
  get queuedBytes(): number {
    return this.#queuedBytes
  }

  append<V>(
    timestamp: number,
    keyBytes: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    serde: Serde<V>,
    headers: Headers,
  ): void {
    this.#appender.check()
    const builder = this.#builder
    const { open } = this.#stretch
    if (open && builder.full) this.#stretch.putAside(this.#finish())
    builder.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
    if (!open && builder.full) this.#closeBatch()
  }

  mark(): void {
    this.#stretch.mark()
  }

  release(): void {
    for (const batch of this.#stretch.release()) if (!this.#trySend(batch)) this.#enqueue(batch)
    if (this.#builder.full) this.#closeBatch()
  }

  rewind(): void {
    this.#stretch.rewind()
  }

  /** Writes everything appended so far to the file if the partition's lock is free; false if something is left. */
  tryDrain(): boolean {
    this.#appender.check()
    this.#stretch.check()
    if (this.#builder.count > 0) this.#closeBatch()
    return this.#queue.length === 0
  }

  /** Writes everything appended so far to the file; durable after `sync`. */
  async drain(): Promise<void> {
    this.#appender.check()
    this.#stretch.check()
    if (this.#builder.count > 0) this.#closeBatch()
    // This call does not write what is queued while it waits; the queue may be longer at the end.
    for (let left = this.#queue.length; left > 0; left--) await this.#appendFirst()
  }

  /** Closes what was appended so far as part of the present transaction; `drainSealed` writes it to the file. */
  seal(): void {
    this.#appender.check()
    this.#stretch.check()
    if (this.#builder.count === 0) return
    this.#enqueue(Buffer.from(this.#finish()))
    this.#builder.clear()
  }

  /** Whether records of a transaction are still in memory. */
  isPending(producer: Producer): boolean {
    return this.#builder.count > 0 || this.#queue.some((each) => each.producer === producer)
  }

  /** Writes a sealed transaction to the file. */
  async drainSealed(producer: Producer): Promise<void> {
    this.#appender.check()
    while (this.#queue[0]?.producer === producer) await this.#appendFirst()
  }

  /** Drops what is in memory. */
  discard(): void {
    this.#builder.clear()
    this.#queue.length = 0
    this.#queuedBytes = 0
  }

  sync(durability: Durability): Promise<boolean> {
    return this.#appender.sync(durability)
  }

  close(): void {
    this.#appender.close()
  }

  /** Ends the batch that is being built, and writes it to the file at once if possible. */
  #closeBatch(): void {
    this.#checkRoom()
    const batch = this.#finish()
    if (!this.#trySend(batch)) this.#enqueue(Buffer.from(batch))
    this.#builder.clear()
  }

  #finish(): Buffer {
    return this.#builder.finish(0, this.#session?.producer)
  }

  #trySend(batch: Buffer): boolean {
    if (this.#queue.length > 0 || this.#session?.waits === true) return false
    const next = this.#appender.tryAppend(batch, this.#guard(this.#session?.producer))
    if (next === undefined) return false
    this.nextOffset = next
    return true
  }

  #enqueue(batch: Buffer): void {
    this.#queue.push({ batch, producer: this.#session?.producer })
    this.#queuedBytes += batch.length
  }

  async #appendFirst(): Promise<void> {
    const first = this.#queue[0]
    if (first === undefined) return
    this.nextOffset = await this.#appender.append(first.batch, this.#guard(first.producer))
    this.#queue.shift()
    this.#queuedBytes -= first.batch.length
  }

  #guard(producer: Producer | undefined): Guard | undefined {
    const session = this.#session
    return session && producer && (() => session.check(producer))
  }
}
