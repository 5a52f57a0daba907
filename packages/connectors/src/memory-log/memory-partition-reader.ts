import type { Batch, Isolation, PartitionReader } from '@millrace/core'
import { baseOffset } from '../record-batch/batch-header.ts'
import { RecordCursor } from '../record-batch/record-cursor.ts'
import { offsetGone, topicMissing } from '../topic-errors.ts'
import { isVisible, type MemoryPartition } from './memory-partition.ts'

/** Reads one partition's batches in place: nothing is copied. */
export class MemoryPartitionReader implements PartitionReader {
  readonly topic: string
  readonly partition: number
  readonly #from: MemoryPartition
  readonly #isolation: Isolation
  readonly #cursor: RecordCursor
  readonly #closed: (reader: MemoryPartitionReader) => void
  #position: number

  constructor(
    from: MemoryPartition,
    position: number,
    isolation: Isolation,
    closed: (reader: MemoryPartitionReader) => void,
  ) {
    this.topic = from.topic
    this.partition = from.partition
    this.#from = from
    this.#isolation = isolation
    this.#cursor = new RecordCursor(from.topic, from.partition)
    this.#position = position
    this.#closed = closed
  }

  get position(): number {
    return this.#position
  }

  get endOffset(): number {
    return this.#isolation === 'committed' ? this.#from.stableEnd : this.#from.end
  }

  get compactedBefore(): number {
    return this.#from.compactedBefore
  }

  /** Whether `poll` has something to return or to throw. */
  get hasMore(): boolean {
    return this.#from.deleted || this.endOffset > this.#position
  }

  onChange(wake: () => void): () => void {
    return this.#from.onChange(wake)
  }

  poll(): Batch | undefined {
    const from = this.#from
    if (from.deleted) throw topicMissing(from.topic)
    if (this.#position < from.start) throw offsetGone(from.topic, from.partition, this.#position, from.start)
    const { endOffset } = this
    for (let batch = from.batchAt(this.#position); batch !== undefined; batch = from.batchAt(batch.next)) {
      if (baseOffset(batch.bytes, 0) >= endOffset) break
      if (!isVisible(batch, this.#isolation)) continue
      this.#cursor.open(batch.bytes, 0, this.#position)
      this.#position = batch.next
      return this.#cursor
    }
    // Nothing is left before the end: compaction, a purge or an abort removed it, so the reader passes it.
    this.#position = Math.max(this.#position, endOffset)
    return undefined
  }

  async secure(): Promise<void> {}

  get secured(): boolean {
    return true
  }

  seek(offset: number): void {
    this.#position = offset
  }

  close(): void {
    this.#closed(this)
  }
}
