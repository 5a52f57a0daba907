import type { Headers, RecordGroup, Serde } from '@millrace/core'
import { BatchBuilder } from '../../record-batch/batch-builder.ts'
import type { Producer } from '../../record-batch/format.ts'
import type { PartitionAppender } from '../partition-appender.ts'

/** A group is one batch of its writer's transaction, however large. */
export class TransactionGroup implements RecordGroup {
  readonly appender: PartitionAppender
  readonly #builder: BatchBuilder

  constructor(appender: PartitionAppender, recordBytesMax: number) {
    this.appender = appender
    this.#builder = new BatchBuilder(recordBytesMax)
  }

  get bytes(): number {
    return this.#builder.count === 0 ? 0 : this.#builder.bytes
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
    this.#builder.append(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
  }

  /** The group's batch, in the builder's own memory until `discard`. */
  seal(producer: Producer): Buffer {
    if (this.#builder.count === 0) throw new Error('An empty group cannot be committed')
    return this.#builder.finish(0, producer)
  }

  discard(): void {
    this.#builder.clear()
  }
}
