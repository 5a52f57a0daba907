import { isControl, producerOf } from '../../record-batch/batch-header.ts'
import { type Outcome, outcomeOf } from '../../record-batch/control-batch.ts'
import type { Producer } from '../../record-batch/format.ts'
import { BatchCursor, type BatchPlace } from '../partition/batch-cursor.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import type { Tail } from '../partition/tail.ts'

/** Enough for the headers of many small batches, and for one read of a large batch's header. */
const CHUNK_BYTES = 4096

/**
 * Finds how the transactions of a partition ended: it reads ahead for their markers, from header to header, each one once,
 * however long the partition is. Offsets, which have no gaps, check the headers, and a checksum checks each marker; there is
 * no index that could be lost or wrong.
 */
export class TransactionOutcomes {
  /** The markers that were passed: by `<producer id>:<epoch>`. */
  readonly #known = new Map<string, { readonly outcome: Outcome; readonly offset: number }>()
  readonly #headers: BatchCursor
  /** Whether the cursor has a place in the files as they are now. */
  #entered = false

  constructor(files: PartitionFiles) {
    this.#headers = new BatchCursor(files, 0, { min: CHUNK_BYTES, max: CHUNK_BYTES }, true)
  }

  /**
   * How a transaction that has a batch at `from` ended; undefined if it has no marker before the end. Throws what reading
   * throws: a marker may be in a batch that is damaged.
   */
  of(producer: Producer, from: BatchPlace, tail: Tail): Outcome | undefined {
    const name = nameOf(producer)
    const known = this.#known.get(name)
    if (known !== undefined && known.offset >= from.offset) return known.outcome
    if (!this.#entered || this.#headers.position < from.offset) this.#entered = this.#headers.seekTo(from)
    if (!this.#entered) return undefined
    while (this.#headers.position < tail.nextOffset) {
      const passed = this.#pass()
      if (passed === undefined) return undefined
      if (passed === name) return this.#known.get(name)?.outcome
    }
    return undefined
  }

  /** A transaction's marker was passed: its outcome is not needed any more. */
  forget(producer: Producer): void {
    this.#known.delete(nameOf(producer))
  }

  /** Makes the next look-up start from scratch at its own position: the files have changed. */
  reset(): void {
    this.close()
    this.#known.clear()
    this.#entered = false
  }

  close(): void {
    this.#headers.leaveSegment()
  }

  /** Passes a batch; returns the name of the transaction that it ends, '' for another batch, undefined at the end. */
  #pass(): string | undefined {
    const found = this.#headers.find()
    if (found === undefined) return undefined
    let ended = ''
    if (isControl(found.buffer, found.at)) {
      this.#headers.check(found)
      const outcome = outcomeOf(found.buffer, found.at)
      ended = nameOf(producerOf(found.buffer, found.at))
      if (outcome !== undefined) this.#known.set(ended, { outcome, offset: found.offset })
    }
    this.#headers.pass(found)
    return ended
  }
}

const nameOf = ({ id, epoch }: Producer) => `${id}:${epoch}`
