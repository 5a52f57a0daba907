import type { Headers, PartitionWriter, Serde } from '@millrace/core'
import { BatchBuilder } from '../record-batch/batch-builder.ts'
import { Stretch } from '../record-batch/stretch.ts'
import { topicMissing } from '../topic-errors.ts'
import type { MemoryPartition } from './memory-partition.ts'
import type { MemoryTransaction } from './memory-transaction.ts'

/** Builds batches of one partition and appends each when it is full, or when it is flushed. */
export class MemoryPartitionWriter implements PartitionWriter {
  readonly topic: string
  readonly partition: number
  nextOffset = -1
  readonly #to: MemoryPartition
  readonly #builder: BatchBuilder
  readonly #stretch: Stretch
  #closed = false
  /** The transaction that records belong to now; throws if there can be none any more. */
  readonly #transaction: (() => MemoryTransaction) | undefined

  constructor(to: MemoryPartition, recordBytesMax: number, transaction?: () => MemoryTransaction) {
    this.topic = to.topic
    this.partition = to.partition
    this.#to = to
    this.#builder = new BatchBuilder(recordBytesMax, to.topic)
    this.#stretch = new Stretch(this.#builder)
    this.#transaction = transaction
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
    this.#transaction?.()
    if (this.#closed) throw new Error(`Writer of ${this.topic}/${this.partition} is closed`)
    const builder = this.#builder
    const { open } = this.#stretch
    if (open && builder.full) this.#stretch.putAside(builder.finish(0, this.#transaction?.().producer))
    builder.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
    if (!open && builder.full) this.flush()
  }

  mark(): void {
    this.#stretch.mark()
  }

  release(): void {
    for (const batch of this.#stretch.release()) this.#put(batch)
    if (this.#builder.full) this.flush()
  }

  rewind(): void {
    this.#stretch.rewind()
  }

  /** Throws `TOPIC_MISSING` if there is something to append and the topic was deleted. */
  flush(): void {
    this.#stretch.check()
    if (this.#builder.count === 0) return
    this.#put(this.#builder.finish(0, this.#transaction?.().producer))
    this.#builder.clear()
  }

  close(): void {
    this.#closed = true
  }

  /** Drops what was appended since the last flush. */
  discard(): void {
    this.#builder.clear()
  }

  #put(batch: Buffer): void {
    if (this.#to.deleted) throw topicMissing(this.topic)
    this.nextOffset = this.#to.append(batch, this.#transaction?.())
  }
}
