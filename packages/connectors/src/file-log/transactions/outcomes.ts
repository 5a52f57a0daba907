import type { OpenFile } from '@millrace/core'
import { baseOffset, batchBytes, isControl, isWhole, nextOffset, producerOf } from '../../record-batch/batch-header.ts'
import { type Outcome, outcomeOf } from '../../record-batch/control-batch.ts'
import { HEADER_BYTES, type Producer } from '../../record-batch/format.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { segmentHolding } from '../partition/segments.ts'
import type { Tail } from '../partition/tail.ts'

/** Enough for the headers of many small batches, and for one read of a large batch's header. */
const CHUNK_BYTES = 4096

/** A place in a partition where a batch starts. */
export interface BatchPlace {
  readonly base: number
  readonly position: number
  readonly offset: number
}

/**
 * Finds how the transactions of a partition ended: it reads ahead for their markers, from header to header, each one once,
 * however long the partition is. Offsets, which have no gaps, check the headers, and a checksum checks each marker; there is
 * no index that could be lost or wrong.
 */
export class TransactionOutcomes {
  readonly #files: PartitionFiles
  /** The markers that were passed: by `<producer id>:<epoch>`. */
  readonly #known = new Map<string, { readonly outcome: Outcome; readonly offset: number }>()
  #segment: { readonly base: number; readonly file: OpenFile } | undefined
  #position = 0
  /** The offset of the batch at the position; -1 before the first look. */
  #offset = -1
  readonly #buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES)
  /** Bytes of the segment from `#heldAt` on. */
  #held = 0
  #heldAt = 0

  constructor(files: PartitionFiles) {
    this.#files = files
  }

  /** How a transaction that has a batch at `from` ended; undefined if it has no marker before the end. */
  of(producer: Producer, from: BatchPlace, tail: Tail): Outcome | undefined {
    const name = `${producer.id}:${producer.epoch}`
    const known = this.#known.get(name)
    if (known !== undefined && known.offset >= from.offset) return known.outcome
    if (this.#offset < from.offset) this.#enter(from)
    while (this.#offset < tail.nextOffset) {
      const passed = this.#pass(tail)
      if (passed === undefined) return undefined
      if (passed === name) return this.#known.get(name)?.outcome
    }
    return undefined
  }

  /** A transaction's marker was passed: its outcome is not needed any more. */
  forget({ id, epoch }: Producer): void {
    this.#known.delete(`${id}:${epoch}`)
  }

  /** Makes the next look-up start from scratch at its own position: the files have changed. */
  reset(): void {
    this.close()
    this.#known.clear()
    this.#offset = -1
  }

  close(): void {
    this.#segment?.file.close()
    this.#segment = undefined
  }

  #enter({ base, position, offset }: BatchPlace): void {
    this.#open(base)
    this.#position = position
    this.#offset = offset
  }

  /** Passes a batch; returns the name of the transaction that it ends, '' for another batch, undefined at the end. */
  #pass(tail: Tail): string | undefined {
    if (!this.#hold(HEADER_BYTES, tail)) return this.#nextSegment(tail) ? '' : undefined
    const at = this.#position - this.#heldAt
    const bytes = batchBytes(this.#buffer, at)
    // The reader finds and reports a batch that does not fit.
    if (bytes === undefined || baseOffset(this.#buffer, at) !== this.#offset) return undefined
    let ended = ''
    if (isControl(this.#buffer, at)) {
      if (bytes > CHUNK_BYTES || !this.#hold(bytes, tail)) return undefined
      const start = this.#position - this.#heldAt
      if (!isWhole(this.#buffer, start, bytes)) return undefined
      const outcome = outcomeOf(this.#buffer, start)
      const { id, epoch } = producerOf(this.#buffer, start)
      ended = `${id}:${epoch}`
      if (outcome !== undefined) this.#known.set(ended, { outcome, offset: this.#offset })
    }
    this.#offset = nextOffset(this.#buffer, this.#position - this.#heldAt)
    this.#position += bytes
    return ended
  }

  /** Makes the buffer hold so many bytes from the position on; false if the segment has fewer. */
  #hold(bytes: number, { activeBase, activeBytes }: Tail): boolean {
    const at = this.#position - this.#heldAt
    if (at >= 0 && at + bytes <= this.#held) return true
    const segment = this.#segment
    if (segment === undefined) return false
    // After the tail, an append may be in progress.
    const left = segment.base === activeBase ? activeBytes - this.#position : CHUNK_BYTES
    this.#heldAt = this.#position
    this.#held = segment.file.read(this.#buffer, 0, Math.min(CHUNK_BYTES, Math.max(0, left)), this.#position)
    return this.#held >= bytes
  }

  #nextSegment(tail: Tail): boolean {
    if (this.#segment === undefined || tail.activeBase <= this.#segment.base) return false
    const base = segmentHolding(this.#files.segments(), this.#offset)
    if (base === undefined || base <= this.#segment.base) return false
    this.#open(base)
    if (base === this.#offset) {
      this.#position = 0
      return true
    }
    return false
  }

  #open(base: number): void {
    this.close()
    this.#segment = { base, file: this.#files.openSegment(base, 'read') }
    this.#held = 0
    this.#heldAt = 0
  }
}
