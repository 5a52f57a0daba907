import { checkName } from '@millrace/core/internal'
import { EPOCH_MAX, type Producer } from '../record-batch/format.ts'
import type { MemoryTopics } from './memory-topics.ts'
import { MemoryTransactionalWriter, type TransactionOwners } from './memory-transactional-writer.ts'

/** The owners of transactional ids. Several logs may share it, as processes share a directory. */
export class MemoryTransactions implements TransactionOwners {
  readonly #topics: MemoryTopics
  readonly #groupBatchBytesMax: number
  readonly #owners = new Map<string, MemoryTransactionalWriter>()
  #producers = 0

  constructor(topics: MemoryTopics, groupBatchBytesMax: number) {
    this.#topics = topics
    this.#groupBatchBytesMax = groupBatchBytesMax
  }

  /** Fences the id's owner, if it has one. Throws `BAD_NAME`. */
  open(transactionalId: string): MemoryTransactionalWriter {
    checkName('transactional id', transactionalId)
    this.#owners.get(transactionalId)?.fence()
    const writer = new MemoryTransactionalWriter(transactionalId, this.#topics, this, this.#groupBatchBytesMax)
    this.#owners.set(transactionalId, writer)
    return writer
  }

  release(writer: MemoryTransactionalWriter): void {
    if (this.#owners.get(writer.transactionalId) === writer) this.#owners.delete(writer.transactionalId)
  }

  next(before?: Producer): Producer {
    if (before === undefined || before.epoch === EPOCH_MAX) return { id: ++this.#producers, epoch: 0 }
    return { id: before.id, epoch: before.epoch + 1 }
  }
}
