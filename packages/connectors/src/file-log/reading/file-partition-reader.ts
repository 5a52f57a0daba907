import type { Batch, Isolation, OpenFile, PartitionReader } from '@millrace/core'
import {
  baseOffset,
  batchBytes,
  isControl,
  isTransactional,
  isWhole,
  nextOffset,
  producerOf,
} from '../../record-batch/batch-header.ts'
import { LENGTH_OVERHEAD_BYTES } from '../../record-batch/format.ts'
import { RecordCursor } from '../../record-batch/record-cursor.ts'
import { offsetGone } from '../../topic-errors.ts'
import { diskFailed, logDamaged, systemCode } from '../errors.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { findEntry, SegmentIndex } from '../partition/segment-index.ts'
import { segmentHolding } from '../partition/segments.ts'
import { stableOffset, type Tail } from '../partition/tail.ts'
import { TransactionOutcomes } from '../transactions/outcomes.ts'
import type { Durability } from '../writing/partition-appender.ts'
import { syncActive } from '../writing/sync-active.ts'

/** One read: large enough that the cost of the call does not matter, small enough to stay in the processor's outer cache. */
const READ_BYTES_MAX = 4 * 1024 * 1024
/** The size of a reader's first buffer; it doubles up to the maximum while there is that much to read. */
const READ_BYTES_MIN = 64 * 1024

interface ReadSegment {
  readonly base: number
  readonly file: OpenFile
}

/**
 * Reads one partition without a lock. It reads only what is whole according to the tail, so it never sees an unfinished
 * append; what is broken before that is damage, and an error. If it reads committed records only, it also stops at the first
 * record that is not decided, and skips those of aborted transactions.
 */
export class FilePartitionReader implements PartitionReader {
  readonly topic: string
  readonly partition: number
  readonly #files: PartitionFiles
  readonly #cursor: RecordCursor
  readonly #closed: (reader: FilePartitionReader) => void
  readonly #durability: Durability
  /** Undefined if the reader returns everything, also what is not committed. */
  readonly #outcomes: TransactionOutcomes | undefined
  /** The tail that was read last. */
  #tail: Tail | undefined
  /** The offset at which a transaction's end was searched and not found. */
  #unknownAt = -1
  #position: number
  /** The offset after the last batch that was returned. */
  #given = 0
  #segment: ReadSegment | undefined
  /** Bytes of the segment: `buffer[at, held)` is at `filePosition` of the file. */
  #buffer = Buffer.allocUnsafeSlow(READ_BYTES_MIN)
  #at = 0
  #held = 0
  #filePosition = 0
  /** The base offset that the next batch of the segment must have. */
  #expected = 0
  /** The position at which reading of this segment began. */
  #enteredAt = -1
  /** The segment is whole up to here, as far as was last read. */
  #limit = 0

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
    this.#position = position
    this.#durability = durability
    this.#closed = closed
    this.#cursor = new RecordCursor(files.topic, files.partition)
    this.#outcomes = isolation === 'committed' ? new TransactionOutcomes(files) : undefined
  }

  get position(): number {
    return this.#position
  }

  get endOffset(): number {
    // A tail that cannot be read is being recovered by the process that appends; this reader assumes that there is nothing
    // after its position.
    const tail = this.#readTail()
    if (tail === undefined) return this.#position
    return this.#outcomes === undefined ? tail.nextOffset : stableOffset(tail)
  }

  get compactedBefore(): number {
    return this.#readTail()?.compactedBefore ?? 0
  }

  /** Whether records at the position are not decided yet. */
  get heldBack(): boolean {
    const tail = this.#outcomes && this.#readTail()
    return tail !== undefined && tail.open.length > 0 && this.#position >= stableOffset(tail)
  }

  get files(): PartitionFiles {
    return this.#files
  }

  get tailPath(): string {
    return this.#files.tailPath
  }

  seek(offset: number): void {
    this.#position = offset
    this.#unknownAt = -1
    // Outcomes that the reader has passed were forgotten, and may be needed again.
    this.#outcomes?.reset()
    this.#leaveSegment()
  }

  close(): void {
    this.#outcomes?.close()
    this.#leaveSegment()
    this.#files.close()
    this.#closed(this)
  }

  poll(): Batch | undefined {
    try {
      return this.#poll()
    } catch (error) {
      throw diskFailed(this.#files.directory, error, { topic: this.topic, partition: this.partition })
    }
  }

  #poll(): Batch | undefined {
    for (;;) {
      if (this.#outcomes !== undefined && !this.#isDecided()) return undefined
      if (this.#segment === undefined && !this.#enterSegment()) return undefined
      const bytes = this.#nextBatch()
      if (bytes === undefined) {
        if (!this.#nextSegment()) return undefined
        continue
      }
      const at = this.#at
      const shown = this.#isShown(at)
      if (shown === undefined) continue
      const next = nextOffset(this.#buffer, at)
      this.#expected = next
      this.#at += bytes
      this.#filePosition += bytes
      // The batch is before the position: a seek went to the middle of it.
      if (next <= this.#position || !shown) {
        this.#position = Math.max(this.#position, next)
        continue
      }
      this.#cursor.open(this.#buffer, at, this.#position)
      this.#position = next
      this.#given = next
      return this.#cursor
    }
  }

  async secure(): Promise<void> {
    const tail = this.#durability === 'fsync' ? this.#readTail() : undefined
    if (tail !== undefined && tail.synced.nextOffset < this.#given) await syncActive(this.#files)
  }

  /** Whether the batch at the position is decided. */
  #isDecided(): boolean {
    if (this.#tail !== undefined && this.#position < stableOffset(this.#tail)) return true
    const tail = this.#readTail()
    return tail !== undefined && this.#position < stableOffset(tail)
  }

  /**
   * Whether the batch holds records for this reader; undefined if the segment must be opened again to find out. Control
   * batches mark transactions: they hold no records for readers.
   */
  #isShown(at: number): boolean | undefined {
    if (isControl(this.#buffer, at)) {
      this.#outcomes?.forget(producerOf(this.#buffer, at))
      return false
    }
    if (this.#outcomes === undefined || this.#tail === undefined || !isTransactional(this.#buffer, at)) return true
    const place = { base: this.#segment?.base ?? 0, position: this.#filePosition, offset: this.#expected }
    const outcome = this.#outcomes.of(producerOf(this.#buffer, at), place, this.#tail)
    if (outcome !== undefined) return outcome === 'committed'
    if (this.#unknownAt === place.offset) {
      throw this.#damaged('the batch there is of a transaction that is over, and no marker says how it ended')
    }
    // Compaction may have rewritten what follows, and this file too: the reader opens it again to find out.
    this.#unknownAt = place.offset
    this.#outcomes.reset()
    this.#leaveSegment()
    return undefined
  }

  #readTail(): Tail | undefined {
    const tail = this.#files.readTail()
    if (tail !== undefined) this.#tail = tail
    return tail
  }

  /** Makes `buffer` hold the next whole batch at `at`; returns its length in bytes, or undefined at the segment's end. */
  #nextBatch(): number | undefined {
    for (;;) {
      const held = this.#held - this.#at
      if (held >= LENGTH_OVERHEAD_BYTES) {
        const bytes = batchBytes(this.#buffer, this.#at)
        if (bytes === undefined) throw this.#damaged('no batch has such a length')
        if (held >= bytes) {
          if (!isWhole(this.#buffer, this.#at, bytes)) throw this.#damaged('the checksum of the batch there is wrong')
          // The checksum does not cover the base offset; but a segment has no gaps, so the expected offset is known.
          const base = baseOffset(this.#buffer, this.#at)
          if (base !== this.#expected) throw this.#damaged(`offset ${this.#expected} should be there, not ${base}`)
          return bytes
        }
        if (this.#filePosition + bytes > this.#knownLimit()) {
          throw this.#damaged(`a batch of ${bytes} bytes does not fit before the segment's end`)
        }
        this.#makeRoom(bytes)
      } else if (this.#filePosition + held >= this.#knownLimit()) {
        if (held > 0) throw this.#damaged('the segment ends in the middle of a batch')
        return undefined
      }
      this.#read()
    }
  }

  /** Up to where the segment is whole; read again when everything before that was read. */
  #knownLimit(): number {
    const segment = this.#segment
    const heldTo = this.#filePosition + this.#held - this.#at
    if (segment === undefined || heldTo < this.#limit) return this.#limit
    const tail = this.#readTail()
    if (tail === undefined || tail.activeBase < segment.base) return this.#limit
    this.#limit = tail.activeBase === segment.base ? tail.activeBytes : segment.file.size()
    return this.#limit
  }

  #read(): void {
    const segment = this.#segment
    if (segment === undefined) return
    this.#makeRoom(Math.min(READ_BYTES_MAX, this.#held - this.#at + 1))
    const heldTo = this.#filePosition + this.#held - this.#at
    const wanted = Math.min(this.#buffer.length - this.#held, this.#limit - heldTo)
    const read = segment.file.read(this.#buffer, this.#held, wanted, heldTo)
    this.#held += read
    if (read === 0) throw this.#damaged(`the file is shorter than the ${this.#limit} bytes that it had`)
    if (read === wanted && this.#buffer.length < READ_BYTES_MAX && this.#limit - heldTo > wanted) this.#grow()
  }

  /** Moves the bytes in the buffer to its front, and enlarges it if a batch needs more. */
  #makeRoom(bytes: number): void {
    if (this.#at > 0) {
      this.#buffer.copyWithin(0, this.#at, this.#held)
      this.#held -= this.#at
      this.#at = 0
    }
    if (bytes > this.#buffer.length) this.#replaceBuffer(bytes)
  }

  #grow(): void {
    this.#replaceBuffer(Math.min(READ_BYTES_MAX, this.#buffer.length * 2))
  }

  #replaceBuffer(bytes: number): void {
    const larger = Buffer.allocUnsafeSlow(bytes)
    this.#buffer.copy(larger, 0, this.#at, this.#held)
    this.#held -= this.#at
    this.#at = 0
    this.#buffer = larger
  }

  /** Opens the segment that holds the position; false if there is none yet. */
  #enterSegment(): boolean {
    const tail = this.#readTail()
    if (tail === undefined) return false
    if (this.#position < tail.startOffset) {
      throw offsetGone(this.topic, this.partition, this.#position, tail.startOffset)
    }
    if (this.#position >= tail.nextOffset) return false
    const base = segmentHolding(this.#files.segments(), this.#position)
    if (base === undefined) {
      // Retention may have deleted the segment meanwhile.
      const start = this.#readTail()?.startOffset ?? tail.startOffset
      if (this.#position < start) throw offsetGone(this.topic, this.partition, this.#position, start)
      throw this.#damaged(`no segment holds offset ${this.#position}, which was not deleted`)
    }
    return this.#open(base)
  }

  #open(base: number): boolean {
    const file = this.#openFile(base)
    if (file === undefined) return false
    this.#segment = { base, file }
    this.#enteredAt = this.#position
    this.#at = 0
    this.#held = 0
    this.#limit = 0
    this.#filePosition = 0
    this.#expected = base
    if (this.#position > base) {
      const index = new SegmentIndex(this.#files.files, this.#files.directory, base)
      try {
        const entry = findEntry(index, file, ({ offset }) => offset <= this.#position)
        this.#filePosition = entry.position
        this.#expected = entry.offset
      } finally {
        index.close()
      }
    }
    return true
  }

  #openFile(base: number): OpenFile | undefined {
    try {
      return this.#files.openSegment(base, 'read')
    } catch (error) {
      // Retention or compaction removed it meanwhile; the next look finds what is there now.
      if (systemCode(error) === 'ENOENT') return undefined
      throw error
    }
  }

  /** Continues after a segment that was read to its end; false if that is the active one. */
  #nextSegment(): boolean {
    const segment = this.#segment
    const tail = this.#readTail()
    if (segment === undefined || tail === undefined || tail.activeBase <= segment.base) return false
    // The segment was active when its end was read, and grew until it was closed.
    if (this.#filePosition < segment.file.size()) return true
    const segments = this.#files.segments()
    if (!segments.includes(this.#position)) {
      if (this.#position < tail.startOffset) {
        throw offsetGone(this.topic, this.partition, this.#position, tail.startOffset)
      }
      // Compaction may have merged the segments that follow into this one, under the same name: then it is opened again,
      // once. Otherwise the next segment is missing.
      if (this.#enteredAt === this.#position) {
        throw this.#damaged(`no segment goes on at offset ${this.#position}: what should follow is missing`)
      }
    }
    this.#leaveSegment()
    return true
  }

  #leaveSegment(): void {
    this.#segment?.file.close()
    this.#segment = undefined
    this.#at = 0
    this.#held = 0
  }

  #damaged(what: string): Error {
    const file = this.#segment?.file.path ?? this.#files.directory
    return logDamaged(file, this.#filePosition, what, {
      topic: this.topic,
      partition: this.partition,
      offset: this.#position,
    })
  }
}
