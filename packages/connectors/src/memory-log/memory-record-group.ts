import type { GroupPosition, Headers, RecordGroup, Serde } from '@millrace/core'
import { BatchBuilder } from '../record-batch/batch-builder.ts'
import { recordsChecksum } from '../record-batch/batch-header.ts'
import { topicMissing } from '../topic-errors.ts'
import type { MemoryPartition } from './memory-partition.ts'
import type { MemoryTransaction } from './memory-transaction.ts'

/** A group is one batch, however large: it is there whole or not at all. */
export class MemoryRecordGroup implements RecordGroup {
  readonly #to: MemoryPartition
  readonly #builder: BatchBuilder

  constructor(to: MemoryPartition, recordBytesMax: number) {
    this.#to = to
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

  discard(): void {
    this.#builder.clear()
  }

  /** Puts the group into the partition, where it is visible at once unless a transaction decides that. */
  put(transaction?: MemoryTransaction): GroupPosition {
    if (this.#builder.count === 0) throw new Error('An empty group cannot be committed')
    if (this.#to.deleted) throw topicMissing(this.#to.topic)
    const batch = this.#builder.finish(0, transaction?.producer)
    const position = { nextOffset: this.#to.append(batch, transaction), checksum: recordsChecksum(batch, 0) }
    this.#builder.clear()
    return position
  }
}
