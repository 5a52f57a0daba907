import type { Headers, PartitionWriter, Serde } from '@millrace/core'
import { BatchBuilder } from '../record-batch/batch-builder.ts'
import type { Durability, PartitionAppender } from './partition-appender.ts'

/**
 * Appends to one partition: records gather in a batch; a full batch goes to the file at once where the partition's lock
 * is free, and else waits in a queue for the next flush. Order is that of the calls.
 */
export class FilePartitionWriter implements PartitionWriter {
  readonly topic: string
  readonly partition: number
  nextOffset = -1
  readonly #appender: PartitionAppender
  readonly #builder: BatchBuilder
  readonly #queue: Buffer[] = []
  #queuedBytes = 0

  constructor(topic: string, partition: number, appender: PartitionAppender, recordBytesMax: number) {
    this.topic = topic
    this.partition = partition
    this.#appender = appender
    this.#builder = new BatchBuilder(recordBytesMax)
  }

  /** Bytes that wait for the lock. */
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
    this.#builder.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
    if (this.#builder.full) this.#submit()
  }

  /** Puts everything appended so far into the file; durable after `sync`. */
  async drain(): Promise<void> {
    this.#appender.check()
    if (this.#builder.count > 0) this.#submit()
    // What is queued while this waits is not asked for; the queue may be longer at the end.
    for (let left = this.#queue.length; left > 0; left--) {
      const batch = this.#queue[0]
      if (batch === undefined) return
      this.nextOffset = await this.#appender.append(batch)
      this.#queue.shift()
      this.#queuedBytes -= batch.length
    }
  }

  sync(durability: Durability): Promise<boolean> {
    return this.#appender.sync(durability)
  }

  close(): void {
    this.#appender.close()
  }

  #submit(): void {
    const batch = this.#builder.finish(0)
    const next = this.#queue.length === 0 ? this.#appender.tryAppend(batch) : undefined
    if (next === undefined) {
      this.#queue.push(Buffer.from(batch))
      this.#queuedBytes += batch.length
    } else {
      this.nextOffset = next
    }
    this.#builder.clear()
  }
}
