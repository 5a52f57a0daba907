import type { OpenFile } from '@millrace/core'
import { offsetGone } from '../../topic-errors.ts'
import { logDamaged } from '../errors.ts'
import { ifThere } from '../if-there.ts'
import { BatchScanner, describeDamage, type Found, type ReadBytes } from './batch-scanner.ts'
import type { PartitionFiles } from './partition-files.ts'
import { findEntry, SegmentIndex } from './segment-index.ts'
import { segmentHolding } from './segments.ts'
import type { Tail } from './tail.ts'

/** A place in a partition where a batch starts. */
export interface BatchPlace {
  readonly base: number
  readonly position: number
  readonly offset: number
}

/**
 * A cursor over the bytes of a partition, without a lock: from batch to batch, and from segment to segment. It reads only what
 * is whole according to the tail, so it never sees an unfinished append; what is broken before that is damage, and an error. It
 * knows nothing of transactions: every batch up to the end is found.
 */
export class BatchCursor {
  readonly #files: PartitionFiles
  readonly #readBytes: ReadBytes
  readonly #headersOnly: boolean
  /** The offset to read from: it may be in the middle of the batch that is found. */
  #position: number
  /** The tail that was read last. */
  #tail: Tail | undefined
  #base = -1
  #scanner: BatchScanner | undefined
  /** The buffer of the last segment's scanner. */
  #buffer: Buffer
  /** The position at which reading of this segment began. */
  #enteredAt = -1

  /** With `headersOnly`, `find` does not read the records, nor check their checksum. */
  constructor(files: PartitionFiles, position: number, readBytes: ReadBytes, headersOnly = false) {
    this.#files = files
    this.#position = position
    this.#readBytes = readBytes
    this.#headersOnly = headersOnly
    this.#buffer = Buffer.allocUnsafeSlow(readBytes.min)
  }

  get position(): number {
    return this.#position
  }

  /** The tail as it was read last; undefined before the first time. */
  get tail(): Tail | undefined {
    return this.#tail
  }

  /** Where the batch that was found starts. */
  get place(): BatchPlace {
    return { base: this.#base, position: this.#scanner?.position ?? 0, offset: this.#scanner?.offset ?? this.#position }
  }

  /** Reads the tail again; undefined if it cannot be read, because the process that appends recovers it. */
  readTail(): Tail | undefined {
    const tail = this.#files.readTail()
    if (tail !== undefined) this.#tail = tail
    return tail
  }

  seek(offset: number): void {
    this.#position = offset
    this.leaveSegment()
  }

  /** Continues at a batch whose place is known; false if its segment is not there any more. */
  seekTo({ base, position, offset }: BatchPlace): boolean {
    this.seek(offset)
    const scanner = this.#open(base)
    scanner?.moveTo(position, offset)
    return scanner !== undefined
  }

  /** Closes the file. What follows is looked up again, since compaction may have rewritten it. */
  leaveSegment(): void {
    if (this.#scanner === undefined) return
    this.#buffer = this.#scanner.buffer
    this.#scanner.file.close()
    this.#scanner = undefined
  }

  /**
   * The scanner at the next batch, which may end before the position if a seek went into the middle of the batches; undefined at
   * the end. Throws `LOG_DAMAGED`, `OFFSET_GONE`, and errors of the file system.
   */
  find(): BatchScanner | undefined {
    for (;;) {
      const scanner = this.#scanner ?? this.#enter()
      if (scanner === undefined) return undefined
      const found = this.#headersOnly ? scanner.findHeader() : scanner.find()
      if (found === 'whole') return scanner
      if ((found === 'end' || found === 'cut' || found === 'room') && this.#extend(scanner)) continue
      if (found !== 'end') throw this.damaged(describeDamage(found, scanner))
      if (!this.#leaveEnd()) return undefined
    }
  }

  /** Checks all of a batch whose header was found. Throws as `find` does. */
  check(scanner: BatchScanner): void {
    const found: Found = scanner.find()
    if (found !== 'whole') throw this.damaged(describeDamage(found, scanner))
  }

  /** Moves past the batch that was found. */
  pass(scanner: BatchScanner): void {
    scanner.pass()
    if (scanner.offset > this.#position) this.#position = scanner.offset
  }

  /** The error that the batch at the cursor is damaged. */
  damaged(what: string): Error {
    const { topic, partition, directory } = this.#files
    const file = this.#scanner?.file.path ?? directory
    return logDamaged(file, this.#scanner?.position ?? 0, what, { topic, partition, offset: this.#position })
  }

  /** Reads again how far the segment is whole; false if it is whole no further than before. */
  #extend(scanner: BatchScanner): boolean {
    const tail = this.readTail() ?? this.#tail
    if (tail === undefined || tail.activeBase < this.#base) return false
    const limit = tail.activeBase === this.#base ? tail.activeBytes : scanner.file.size()
    if (limit <= scanner.limit) return false
    scanner.limitTo(limit)
    return true
  }

  /** Opens the segment that holds the position; undefined if it does not exist yet. */
  #enter(): BatchScanner | undefined {
    const tail = this.readTail()
    if (tail === undefined) return undefined
    const { topic, partition } = this.#files
    if (this.#position < tail.startOffset) throw offsetGone(topic, partition, this.#position, tail.startOffset)
    if (this.#position >= tail.nextOffset) return undefined
    const base = segmentHolding(this.#files.segments(), this.#position)
    if (base !== undefined) {
      const scanner = this.#open(base)
      if (scanner !== undefined && this.#position > base) this.#skipTo(scanner, this.#position)
      return scanner
    }
    // Retention may have deleted the segment meanwhile.
    const start = this.readTail()?.startOffset ?? tail.startOffset
    if (this.#position < start) throw offsetGone(topic, partition, this.#position, start)
    throw this.damaged(`no segment holds offset ${this.#position}, which was not deleted`)
  }

  /** Skips what the segment's index shows to be before the offset. */
  #skipTo(scanner: BatchScanner, offset: number): void {
    const index = new SegmentIndex(this.#files.files, this.#files.directory, this.#base)
    try {
      const entry = findEntry(index, scanner.file, (each) => each.offset <= offset)
      scanner.moveTo(entry.position, entry.offset)
    } finally {
      index.close()
    }
  }

  #open(base: number): BatchScanner | undefined {
    const file = this.#openFile(base)
    if (file === undefined) return undefined
    this.#base = base
    this.#scanner = new BatchScanner(file, this.#buffer, this.#readBytes.max)
    this.#scanner.moveTo(0, base)
    this.#enteredAt = this.#position
    return this.#scanner
  }

  #openFile(base: number): OpenFile | undefined {
    // Retention or compaction may have removed it meanwhile; the next look finds what is there now.
    return ifThere(() => this.#files.openSegment(base, 'read'))
  }

  /** Leaves a segment that was read to its end; false if that is the active one. */
  #leaveEnd(): boolean {
    const tail = this.#tail
    if (tail === undefined || tail.activeBase <= this.#base) return false
    if (!this.#files.segments().includes(this.#position)) {
      const { topic, partition } = this.#files
      if (this.#position < tail.startOffset) throw offsetGone(topic, partition, this.#position, tail.startOffset)
      // Compaction may have merged the segments that follow into this one, under the same name: then it is opened again, once.
      // Otherwise the next segment is missing.
      if (this.#enteredAt === this.#position) {
        throw this.damaged(`no segment continues at offset ${this.#position}: what should follow is missing`)
      }
    }
    this.leaveSegment()
    return true
  }
}
