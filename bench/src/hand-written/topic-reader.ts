import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { crc32c } from '@node-rs/crc32'
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  CONTROL_BIT,
  COUNT_AT,
  CRC_AT,
  HEADER_BYTES,
  LENGTH_AT,
  LENGTH_OVERHEAD_BYTES,
  MAGIC,
  MAGIC_AT,
  readInt64,
} from './record-batch.ts'

const READ_BYTES = 4 * 1024 * 1024

/**
 * Reads the segments of one partition as an expert would by hand: 4 MB at a time into one buffer. Each batch's checksum is
 * verified. Fields hold the record's place in the buffer.
 */
export class TopicReader {
  bytes = Buffer.allocUnsafeSlow(READ_BYTES)
  timestamp = 0
  keyStart = 0
  keyEnd = 0
  valueStart = 0
  valueEnd = 0
  /** Records read so far. With `from`, this is the next offset if the topic has no markers of transactions. */
  records = 0
  readonly #segments: string[]
  #file = -1
  #held = 0
  #at = 0
  #left = 0
  #next = 0
  #baseTimestamp = 0
  #isControl = false
  #baseOffset = 0
  readonly #from: number

  /** Reads from the batch that begins at offset `from`. */
  constructor(directory: string, from = 0) {
    const bases = readdirSync(directory)
      .filter((name) => name.endsWith('.log'))
      .map((name) => Number.parseInt(name, 10))
      .sort((a, b) => a - b)
    this.#segments = bases
      .filter((_, index) => (bases[index + 1] ?? Number.POSITIVE_INFINITY) > from)
      .map((base) => `${directory}/${String(base).padStart(20, '0')}.log`)
    this.#from = from
  }

  /** Moves to the next batch of records; false at the end of the last segment. */
  nextBatch(): boolean {
    while (this.#enterBatch()) if (!this.#isControl && this.#baseOffset >= this.#from) return true
    return false
  }

  /** Moves to the batch's next record; false at its end. */
  next(): boolean {
    if (this.#left === 0) return false
    this.#left--
    this.records++
    const length = this.#varint()
    const end = this.#at + length
    this.#at++
    this.timestamp = this.#baseTimestamp + this.#varint()
    this.#varint()
    const keyBytes = this.#varint()
    this.keyStart = keyBytes < 0 ? -1 : this.#at
    this.#at += Math.max(keyBytes, 0)
    this.keyEnd = this.#at
    const valueBytes = this.#varint()
    this.valueStart = valueBytes < 0 ? -1 : this.#at
    this.valueEnd = this.#at + Math.max(valueBytes, 0)
    this.#at = end
    return true
  }

  #enterBatch(): boolean {
    this.#at = this.#next
    while (!this.#hasBatch()) if (!this.#fill()) return false
    const { bytes } = this
    const at = this.#at
    this.#next = at + LENGTH_OVERHEAD_BYTES + bytes.readInt32BE(at + LENGTH_AT)
    const crc = crc32c(bytes.subarray(at + ATTRIBUTES_AT, this.#next))
    if (bytes[at + MAGIC_AT] !== MAGIC || crc !== bytes.readUInt32BE(at + CRC_AT)) throw new Error('Damaged batch')
    this.#baseOffset = readInt64(bytes, at)
    // A transaction's marker is not a record for a job.
    this.#isControl = (bytes.readInt16BE(at + ATTRIBUTES_AT) & CONTROL_BIT) !== 0
    this.#baseTimestamp = readInt64(bytes, at + BASE_TIMESTAMP_AT)
    this.#left = bytes.readInt32BE(at + COUNT_AT)
    this.#at = at + HEADER_BYTES
    return true
  }

  #hasBatch(): boolean {
    const held = this.#held - this.#at
    return held >= HEADER_BYTES && held >= LENGTH_OVERHEAD_BYTES + this.bytes.readInt32BE(this.#at + LENGTH_AT)
  }

  #fill(): boolean {
    if (this.#at === 0 && this.#held === this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(this.bytes.length * 2)
      this.bytes.copy(larger)
      this.bytes = larger
    }
    this.bytes.copyWithin(0, this.#at, this.#held)
    this.#held -= this.#at
    this.#at = 0
    for (;;) {
      if (this.#file >= 0) {
        const read = readSync(this.#file, this.bytes, this.#held, this.bytes.length - this.#held, null)
        this.#held += read
        if (read > 0) return true
        if (this.#held > 0) throw new Error('Torn batch')
        closeSync(this.#file)
        this.#file = -1
      }
      const segment = this.#segments.shift()
      if (segment === undefined) {
        this.#next = 0
        return false
      }
      this.#file = openSync(segment, 'r')
    }
  }

  #varint(): number {
    const { bytes } = this
    let byte = bytes[this.#at++] ?? 0
    if (byte < 128) return (byte >>> 1) ^ -(byte & 1)
    let raw = byte & 127
    let shift = 7
    while (shift < 28) {
      byte = bytes[this.#at++] ?? 0
      raw |= (byte & 127) << shift
      if (byte < 128) return (raw >>> 1) ^ -(raw & 1)
      shift += 7
    }
    let scale = 2 ** 28
    do {
      byte = bytes[this.#at++] ?? 0
      raw += (byte & 127) * scale
      scale *= 128
    } while (byte >= 128)
    return raw % 2 === 0 ? raw / 2 : -(raw + 1) / 2
  }
}
