import type { Outcome } from '../record-batch/control-batch.ts'
import type { Producer } from '../record-batch/format.ts'

/** A place where a transaction has records. */
export interface TransactionPart {
  readonly topic: string
  readonly deleted: boolean
  /** Marks that the transaction is decided. */
  decide(transaction: MemoryTransaction, outcome: Outcome): void
}

/** One transaction. Its batches refer to it, so that one step decides it for all partitions. */
export class MemoryTransaction {
  readonly producer: Producer
  readonly #parts = new Set<TransactionPart>()
  #outcome: Outcome | undefined

  constructor(producer: Producer) {
    this.producer = producer
  }

  /** Undefined while it is not decided. */
  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** The places where the transaction has records. */
  get parts(): Iterable<TransactionPart> {
    return this.#parts
  }

  enter(part: TransactionPart): void {
    this.#parts.add(part)
  }

  /** Decides the transaction, once. */
  end(outcome: Outcome): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    for (const part of this.#parts) part.decide(this, outcome)
  }
}
