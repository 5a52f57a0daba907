import { isControl, isTransactional, producerOf } from '../../record-batch/batch-header.ts'
import type { Producer } from '../../record-batch/format.ts'
import { sameTransaction } from '../partition/open-transactions.ts'
import type { OpenTransaction } from '../partition/tail.ts'
import type { PartitionProblem } from './problem.ts'
import type { WalkedBatch } from './walk-segment.ts'

interface TransactionStart {
  readonly path: string
  readonly position: number
  readonly end: number
  readonly offset: number
  readonly producer: Producer
}

/**
 * Looks, during a walk through a partition, for the markers of its transactions: without its marker, a transaction's outcome
 * is unknown.
 */
export class MarkerCheck {
  /** The first batch of every transaction that has no marker yet. */
  readonly #unmarked = new Map<string, TransactionStart>()

  note(path: string, { position, bytes, baseOffset, buffer }: WalkedBatch): void {
    if (!isTransactional(buffer, 0)) return
    const producer = producerOf(buffer, 0)
    const name = `${producer.id}:${producer.epoch}`
    if (isControl(buffer, 0)) this.#unmarked.delete(name)
    else if (!this.#unmarked.has(name)) {
      this.#unmarked.set(name, { path, position, end: position + bytes, offset: baseOffset, producer })
    }
  }

  /** Transactions that have no marker and are not open either, unless the marker may be in a damaged part. */
  problems(open: readonly OpenTransaction[], others: readonly PartitionProblem[]): PartitionProblem[] {
    return [...this.#unmarked.values()].flatMap(({ path, position, end, offset, producer }) => {
      const isOpen = open.some((each) => sameTransaction(each, producer))
      const mayBeDamaged = others.some(({ fix }) => fix.kind === 'fill' && fix.to > offset)
      if (isOpen || mayBeDamaged) return []
      const { id, epoch } = producer
      const what = `no marker states how the transaction of the batch there ended (producer ${id}, epoch ${epoch})`
      return { severity: 'damage', file: path, position, end, offset, what, fix: { kind: 'recover' } }
    })
  }
}
