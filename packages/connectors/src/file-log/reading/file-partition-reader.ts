import type { Batch, Isolation, PartitionReader } from '@millrace/core'
import { isControl, isTransactional, producerOf } from '../../record-batch/batch-header.ts'
import { RecordCursor } from '../../record-batch/record-cursor.ts'
import { diskFailed } from '../errors.ts'
import { BatchCursor } from '../partition/batch-cursor.ts'
import type { BatchScanner } from '../partition/batch-scanner.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { stableOffset } from '../partition/tail.ts'
import { TransactionOutcomes } from '../transactions/outcomes.ts'
import type { Durability } from '../writing/partition-appender.ts'
import { syncActive } from '../writing/sync-active.ts'

/** One read: large enough that the cost of the call does not matter, small enough to stay in the processor's outer cache. */
const READ_BYTES_MAX = 4 * 1024 * 1024
/** The size of a reader's first buffer; it doubles up to the maximum while there is that much to read. */
const READ_BYTES_MIN = 64 * 1024

/**
 * Reads one partition without a lock: shows the records of the batches that its cursor finds. If it reads committed records
 * only, it stops at the first record that is not decided, and skips those of aborted transactions. It never shows markers.
 */
export class FilePartitionReader implements PartitionReader {
  readonly topic: string
  readonly partition: number
  readonly #files: PartitionFiles
  readonly #batches: BatchCursor
  readonly #records: RecordCursor
  readonly #closed: (reader: FilePartitionReader) => void
  readonly #durability: Durability
  /** Undefined if the reader returns everything, also what is not committed. */
  readonly #outcomes: TransactionOutcomes | undefined
  /** The offset at which a transaction's end was searched and not found. */
  #unknownAt = -1
  /** The offset after the last batch that was returned. */
  #given = 0

  constructor(
    files: PartitionFiles,
    position: number,
    isolation: Isolation,
    durability: Durability,
    closed: (reader: FilePartitionReader) => void,
  ) {
    this.topic = files.topic
    this.partition = files.partition
    this.#files = files
    this.#durability = durability
    this.#closed = closed
    this.#batches = new BatchCursor(files, position, { min: READ_BYTES_MIN, max: READ_BYTES_MAX })
    this.#records = new RecordCursor(files.topic, files.partition)
    this.#outcomes = isolation === 'committed' ? new TransactionOutcomes(files) : undefined
  }

  get position(): number {
    return this.#batches.position
  }

  get endOffset(): number {
    // A tail that cannot be read is being recovered by the process that appends; this reader assumes that there is nothing
    // after its position.
    const tail = this.#batches.readTail()
    if (tail === undefined) return this.position
    return this.#outcomes === undefined ? tail.nextOffset : stableOffset(tail)
  }

  get compactedBefore(): number {
    return this.#batches.readTail()?.compactedBefore ?? 0
  }

  /** Whether records at the position are not decided yet. */
  get heldBack(): boolean {
    const tail = this.#outcomes && this.#batches.readTail()
    return tail !== undefined && tail.open.length > 0 && this.position >= stableOffset(tail)
  }

  get files(): PartitionFiles {
    return this.#files
  }

  get tailPath(): string {
    return this.#files.tailPath
  }

  seek(offset: number): void {
    this.#unknownAt = -1
    // Outcomes that the reader has passed were forgotten, and may be needed again.
    this.#outcomes?.reset()
    this.#batches.seek(offset)
  }

  close(): void {
    this.#outcomes?.close()
    this.#batches.leaveSegment()
    this.#files.close()
    this.#closed(this)
  }

  poll(): Batch | undefined {
    try {
      return this.#poll()
    } catch (error) {
      throw this.#diskFailed(error)
    }
  }

  #poll(): Batch | undefined {
    const batches = this.#batches
    for (;;) {
      if (this.#outcomes !== undefined && !this.#isDecided()) return undefined
      const found = batches.find()
      if (found === undefined) return undefined
      const shown = this.#isShown(found)
      if (shown === undefined) continue
      const from = batches.position
      const { buffer, at } = found
      batches.pass(found)
      // Without progress, the batch is before the position: a seek went to the middle of it.
      if (!shown || batches.position === from) continue
      this.#records.open(buffer, at, from)
      this.#given = batches.position
      return this.#records
    }
  }

  async secure(): Promise<void> {
    if (this.secured) return
    try {
      await syncActive(this.#files)
    } catch (error) {
      throw this.#diskFailed(error)
    }
  }

  get secured(): boolean {
    try {
      const tail = this.#durability === 'fsync' ? this.#batches.readTail() : undefined
      return tail === undefined || tail.synced.nextOffset >= this.#given
    } catch (error) {
      throw this.#diskFailed(error)
    }
  }

  #diskFailed(error: unknown): unknown {
    return diskFailed(this.#files.directory, error, { topic: this.topic, partition: this.partition })
  }

  /** Whether the batch at the position is decided. */
  #isDecided(): boolean {
    const { tail, position } = this.#batches
    if (tail !== undefined && position < stableOffset(tail)) return true
    const now = this.#batches.readTail()
    return now !== undefined && position < stableOffset(now)
  }

  /**
   * Whether the batch holds records for this reader; undefined if the segment must be opened again to find out. Control
   * batches mark transactions: they hold no records for readers.
   */
  #isShown({ buffer, at }: BatchScanner): boolean | undefined {
    if (isControl(buffer, at)) {
      this.#outcomes?.forget(producerOf(buffer, at))
      return false
    }
    const { tail } = this.#batches
    if (this.#outcomes === undefined || tail === undefined || !isTransactional(buffer, at)) return true
    const { place } = this.#batches
    const outcome = this.#outcomes.of(producerOf(buffer, at), place, tail)
    if (outcome !== undefined) return outcome === 'committed'
    if (this.#unknownAt === place.offset) {
      throw this.#batches.damaged('the batch there belongs to a transaction that has ended, and no marker states how')
    }
    // Compaction may have rewritten what follows, and this file too: the reader opens it again to find out.
    this.#unknownAt = place.offset
    this.#outcomes.reset()
    this.#batches.leaveSegment()
    return undefined
  }
}
