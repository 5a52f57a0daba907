import type { Outcome } from '../record-batch/control-batch.ts'
import type { Producer } from '../record-batch/format.ts'
import type { MemoryPartition } from './memory-partition.ts'

/** One transaction. Its batches refer to it: that it is decided is one step for all partitions. */
export class MemoryTransaction {
  readonly producer: Producer
  readonly #partitions = new Set<MemoryPartition>()
  #outcome: Outcome | undefined

  constructor(producer: Producer) {
    this.producer = producer
  }

  /** Undefined while it is not decided. */
  get outcome(): Outcome | undefined {
    return this.#outcome
  }

  /** Where it has records. */
  get partitions(): Iterable<MemoryPartition> {
    return this.#partitions
  }

  enter(partition: MemoryPartition): void {
    this.#partitions.add(partition)
  }

  /** Decides it, once. */
  end(outcome: Outcome): void {
    if (this.#outcome !== undefined) return
    this.#outcome = outcome
    for (const partition of this.#partitions) partition.decide(this, outcome)
  }
}
