import type { GroupPosition } from '@millrace/core'
import { recordsChecksum } from '../record-batch/batch-header.ts'
import { GroupBuilder } from '../record-batch/group-builder.ts'
import { topicMissing } from '../topic-errors.ts'
import type { MemoryPartition } from './memory-partition.ts'
import type { MemoryTransaction } from './memory-transaction.ts'

/** A group, and the partition that it is written to. */
export class MemoryRecordGroup extends GroupBuilder {
  readonly #to: MemoryPartition

  constructor(to: MemoryPartition, recordBytesMax: number, batchBytesMax: number) {
    super(recordBytesMax, batchBytesMax)
    this.#to = to
  }

  /** Writes the group to the partition, where it is visible at once unless a transaction decides that. */
  put(transaction?: MemoryTransaction): GroupPosition {
    const batches = this.seal(transaction?.producer)
    if (this.#to.deleted) throw topicMissing(this.#to.topic)
    let position: GroupPosition = { nextOffset: 0, checksum: 0 }
    for (const batch of batches) {
      position = { nextOffset: this.#to.append(batch, transaction), checksum: recordsChecksum(batch, 0) }
    }
    this.discard()
    return position
  }
}
