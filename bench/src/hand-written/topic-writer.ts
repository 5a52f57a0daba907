import { closeSync, fdatasync, mkdirSync, openSync, writeSync } from 'node:fs'
import { promisify } from 'node:util'
import { crc32c } from '@node-rs/crc32'
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  COUNT_AT,
  CRC_AT,
  HEADER_BYTES,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LENGTH_OVERHEAD_BYTES,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_AT,
  writeInt64,
} from './record-batch.ts'

const BATCH_RECORDS_MAX = 5000
const BATCH_BYTES_TARGET = 1024 * 1024
/** Lengths, differences and header count of a record: six varints and one byte, at most. */
const RECORD_OVERHEAD_BYTES = 48
const fdatasyncAsync = promisify(fdatasync)

/** Appends batches to one segment. Each batch is built in place in one buffer, which is used again. */
export class TopicWriter {
  readonly #file: number
  #out = Buffer.allocUnsafeSlow(2 * BATCH_BYTES_TARGET)
  #at = HEADER_BYTES
  #count = 0
  #offset = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  /** The maximum number of records in a batch. A changelog's commit is one batch, however large. */
  readonly #recordsMax: number

  constructor(directory: string, recordsMax = BATCH_RECORDS_MAX) {
    mkdirSync(directory, { recursive: true })
    this.#file = openSync(`${directory}/${'0'.repeat(20)}.log`, 'w', 0o600)
    this.#recordsMax = recordsMax
  }

  /** Appends a record whose value is text. */
  append(timestamp: number, key: Buffer, keyStart: number, keyEnd: number, text: string): void {
    let at = this.#begin(timestamp, key, keyStart, keyEnd, text.length * 3)
    const out = this.#out
    // Text of one-byte characters has as many bytes as characters. A wrong guess is corrected below.
    const guess = varintBytes(text.length)
    const bytes = out.utf8Write(text, at + guess)
    const lengthBytes = varintBytes(bytes)
    if (lengthBytes !== guess) out.copyWithin(at + lengthBytes, at + guess, at + guess + bytes)
    at = writeVarint(out, bytes, at) + bytes
    this.#end(at)
  }

  /** Appends a record without a value, which deletes its key. */
  appendTombstone(timestamp: number, key: Buffer): void {
    const at = this.#begin(timestamp, key, 0, key.length, 0)
    this.#end(writeVarint(this.#out, -1, at))
  }

  /** Writes the batch, if there is one. */
  write(): void {
    if (this.#count === 0) return
    const out = this.#out
    writeInt64(out, this.#offset, 0)
    out.writeInt32BE(this.#at - LENGTH_OVERHEAD_BYTES, LENGTH_AT)
    out.writeInt32BE(0, LENGTH_AT + 4)
    out[MAGIC_AT] = MAGIC
    out.writeInt16BE(0, ATTRIBUTES_AT)
    out.writeInt32BE(this.#count - 1, LAST_OFFSET_DELTA_AT)
    writeInt64(out, this.#baseTimestamp, BASE_TIMESTAMP_AT)
    writeInt64(out, this.#maxTimestamp, MAX_TIMESTAMP_AT)
    out.fill(0xff, PRODUCER_AT, COUNT_AT)
    out.writeInt32BE(this.#count, COUNT_AT)
    out.writeUInt32BE(crc32c(out.subarray(ATTRIBUTES_AT, this.#at)), CRC_AT)
    let written = 0
    while (written < this.#at) written += writeSync(this.#file, out, written, this.#at - written)
    this.#offset += this.#count
    this.#count = 0
    this.#at = HEADER_BYTES
  }

  sync(): Promise<void> {
    return fdatasyncAsync(this.#file)
  }

  close(): void {
    closeSync(this.#file)
  }

  /** Begins a record, up to its key; returns where the value begins. */
  #begin(timestamp: number, key: Buffer, keyStart: number, keyEnd: number, valueBytesMax: number): number {
    if (this.#count === this.#recordsMax) this.write()
    this.#reserve(RECORD_OVERHEAD_BYTES + keyEnd - keyStart + valueBytesMax)
    if (this.#count === 0) this.#baseTimestamp = timestamp
    if (this.#count === 0 || timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    const out = this.#out
    // Most records are longer than 63 bytes and shorter than 8192: two bytes of length.
    let at = this.#at + 2
    out[at++] = 0
    at = writeVarint(out, timestamp - this.#baseTimestamp, at)
    at = writeVarint(out, this.#count, at)
    at = writeVarint(out, keyEnd - keyStart, at)
    for (let from = keyStart; from < keyEnd; from++) out[at++] = key[from] ?? 0
    return at
  }

  /** Ends the record whose value ends there. */
  #end(valueEnd: number): void {
    const out = this.#out
    const start = this.#at
    const at = valueEnd + 1
    out[valueEnd] = 0
    const length = at - start - 2
    const headBytes = varintBytes(length)
    if (headBytes !== 2) out.copyWithin(start + headBytes, start + 2, at)
    writeVarint(out, length, start)
    this.#at = start + headBytes + length
    this.#count++
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return
    const larger = Buffer.allocUnsafeSlow(2 * (this.#at + bytes))
    this.#out.copy(larger, 0, 0, this.#at)
    this.#out = larger
  }
}

function varintBytes(value: number): number {
  if (value < 64) return 1
  if (value < 8192) return 2
  let bytes = 3
  for (let rest = Math.floor(value / 2 ** 20); rest > 0; rest = Math.floor(rest / 128)) bytes++
  return bytes
}

function writeVarint(out: Buffer, value: number, at: number): number {
  let rest = value >= 0 ? value * 2 : -value * 2 - 1
  while (rest > 0x7fffffff) {
    out[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  while (rest >= 128) {
    out[at++] = (rest & 127) | 128
    rest >>>= 7
  }
  out[at++] = rest
  return at
}
