import { type Batch, FatalError, type Header, type Headers, NO_HEADERS, RefusedError } from '@millrace/core'
import {
  baseOffset,
  baseTimestamp,
  batchBytes,
  isCompressed,
  nextOffset,
  recordCount,
  recordsChecksum,
} from './batch-header.ts'
import { BatchText } from './batch-text.ts'
import { tombstonesGone } from './delete-horizon.ts'
import { CRC_AT, HEADER_BYTES } from './format.ts'

/**
 * Reads the records of a RecordBatch in place. One cursor serves a partition reader for its life: `open` points it at
 * another batch. The batch's checksum was verified before.
 */
export class RecordCursor implements Batch {
  readonly topic: string
  readonly partition: number
  baseOffset = 0
  nextOffset = 0
  tombstonesGone = false
  offset = 0
  timestamp = 0
  bytes: Buffer = Buffer.alloc(0)
  keyStart = -1
  keyEnd = -1
  valueStart = -1
  valueEnd = -1
  /** The record's own bytes, its length included. */
  recordStart = 0
  recordEnd = 0
  headerStart = -1
  headerEnd = -1
  #batchStart = 0
  #batchOffset = 0
  #batchTimestamp = 0
  #end = 0
  #at = 0
  #left = 0
  #headersAt = 0
  readonly #text = new BatchText()

  constructor(topic: string, partition: number) {
    this.topic = topic
    this.partition = partition
  }

  /**
   * Points the cursor at the batch that starts at `at`; records before `fromOffset` are skipped. Throws `UNSUPPORTED` for a
   * compressed batch: Millrace writes none, and another log's batches would be unpacked here. Throws `LOG_DAMAGED`, here and
   * when records are read, for impossible content: nothing is read past the batch's end.
   */
  open(bytes: Buffer, at: number, fromOffset: number): void {
    this.bytes = bytes
    this.#text.begin(bytes)
    this.#batchOffset = baseOffset(bytes, at)
    this.baseOffset = Math.max(this.#batchOffset, fromOffset)
    this.nextOffset = nextOffset(bytes, at)
    this.#batchStart = at
    this.#batchTimestamp = baseTimestamp(bytes, at)
    this.tombstonesGone = tombstonesGone(bytes, at)
    this.#end = at + (batchBytes(bytes, at) ?? 0)
    this.#left = recordCount(bytes, at)
    // A batch without records may be longer than its header, if it fills the place of another.
    this.#at = this.#left === 0 ? this.#end : at + HEADER_BYTES
    if (isCompressed(bytes, at)) throw this.#compressed()
    const { nextOffset: next } = this
    if (this.#batchOffset < 0 || next <= this.#batchOffset || !Number.isSafeInteger(next) || this.#left < 0) {
      throw this.#damaged()
    }
  }

  next(): boolean {
    do {
      if (this.#left === 0) {
        if (this.#at !== this.#end) throw this.#damaged()
        return false
      }
      this.#left--
      this.#readRecord()
    } while (this.offset < this.baseOffset)
    return true
  }

  valueText(): string {
    return this.#text.read(this.valueStart, this.valueEnd, this.#end)
  }

  recordsChecksum(): number {
    return recordsChecksum(this.bytes, this.#batchStart)
  }

  get checksum(): number {
    return this.bytes.readUInt32BE(this.#batchStart + CRC_AT)
  }

  headers(): Headers {
    const saved = this.#at
    this.#at = this.#headersAt
    const count = this.#varint()
    if (count === 0) {
      this.#at = saved
      return NO_HEADERS
    }
    const headers: Header[] = []
    for (let index = 0; index < count; index++) {
      const nameStart = this.#take(this.#varint())
      const name = this.bytes.utf8Slice(nameStart, this.#at)
      const length = this.#varint()
      const valueStart = this.#take(Math.max(0, length))
      headers.push([name, length < 0 ? null : Buffer.from(this.bytes.subarray(valueStart, this.#at))])
    }
    this.#at = saved
    return headers
  }

  findHeader(name: string): boolean {
    const saved = this.#at
    this.#at = this.#headersAt
    let found = false
    for (let left = this.#varint(); left > 0 && !found; left--) {
      const nameStart = this.#take(this.#varint())
      const nameEnd = this.#at
      const length = this.#varint()
      const valueStart = this.#take(Math.max(0, length))
      if (this.#isName(name, nameStart, nameEnd)) {
        found = true
        this.headerStart = valueStart
        this.headerEnd = this.#at
      }
    }
    this.#at = saved
    return found
  }

  #readRecord(): void {
    this.recordStart = this.#at
    this.recordEnd = this.#end
    const length = this.#varint()
    const end = this.#at + length
    if (length < 0 || end > this.#end) throw this.#damaged()
    this.recordEnd = end
    this.#at++
    this.timestamp = this.#batchTimestamp + this.#varint()
    this.offset = this.#batchOffset + this.#varint()
    const keyLength = this.#varint()
    if (keyLength < 0) {
      this.keyStart = -1
      this.keyEnd = -1
    } else {
      this.keyStart = this.#take(keyLength)
      this.keyEnd = this.#at
    }
    const valueLength = this.#varint()
    if (valueLength < 0) {
      this.valueStart = -1
      this.valueEnd = -1
    } else {
      this.valueStart = this.#take(valueLength)
      this.valueEnd = this.#at
    }
    if (this.#at >= end || this.offset < this.#batchOffset || this.offset >= this.nextOffset) throw this.#damaged()
    this.#headersAt = this.#at
    this.#at = end
  }

  /** Skips some bytes of the record, which must be there; returns where they start. */
  #take(length: number): number {
    const start = this.#at
    this.#at = start + length
    if (length < 0 || this.#at > this.recordEnd) throw this.#damaged()
    return start
  }

  #varint(): number {
    const { bytes } = this
    // This may read one byte past the record; the check that follows every varint then finds that it is outside.
    let byte = bytes[this.#at++] ?? 0
    // Most have one byte or two: lengths below 64 and 8192, small differences.
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1)
    let value = byte & 127
    for (let shift = 7; shift < 28; shift += 7) {
      byte = this.#furtherByte()
      value |= (byte & 127) << shift
      if (byte < 128) return (value >>> 1) ^ -(value & 1)
    }
    // Above 28 bits, 32-bit integers are too small.
    for (let scale = 2 ** 28; byte >= 128; scale *= 128) {
      // 8 bytes hold 2^56: a record of ours never has a larger number.
      if (scale > 2 ** 49) throw this.#damaged()
      byte = this.#furtherByte()
      value += (byte & 127) * scale
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  #furtherByte(): number {
    if (this.#at >= this.recordEnd) throw this.#damaged()
    return this.bytes[this.#at++] ?? 0
  }

  #isName(name: string, start: number, end: number): boolean {
    if (end - start !== name.length) return false
    for (let index = 0; index < name.length; index++) {
      if (this.bytes[start + index] !== name.charCodeAt(index)) return false
    }
    return true
  }

  #compressed(): RefusedError {
    const { topic, partition } = this
    const offset = this.#batchOffset
    return new RefusedError(
      'UNSUPPORTED',
      `Partition ${topic}/${partition} has a compressed batch at offset ${offset}, which another program wrote. Millrace reads only uncompressed batches`,
      { topic, partition, offset },
    )
  }

  #damaged(): FatalError {
    const { topic, partition } = this
    const offset = this.#batchOffset
    return new FatalError(
      'LOG_DAMAGED',
      `The batch of ${topic}/${partition} at offset ${offset} has the right checksum, but its records do not fit into it: its writer was faulty`,
      { topic, partition, offset },
    )
  }
}
