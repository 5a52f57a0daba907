import type { GroupPosition, GroupWriter, Headers, Serde } from '@millrace/core'
import { BatchBuilder } from '../record-batch/batch-builder.ts'
import { recordsChecksum } from '../record-batch/batch-header.ts'
import { topicMissing } from '../topic-errors.ts'
import type { MemoryPartition } from './memory-partition.ts'

/** A group is one batch, however large: it is there whole or not at all. */
export class MemoryGroupWriter implements GroupWriter {
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

  async commit(): Promise<GroupPosition> {
    if (this.#builder.count === 0) throw new Error('An empty group cannot be committed')
    if (this.#to.deleted) throw topicMissing(this.#to.topic)
    const batch = this.#builder.finish(0)
    const position = { nextOffset: this.#to.append(batch), checksum: recordsChecksum(batch, 0) }
    this.#builder.clear()
    return position
  }

  discard(): void {
    this.#builder.clear()
  }
}
