import { ByteWriter, type Headers, RecordError, type Serde } from '@millrace/core'
import { crc32c } from '@millrace/core/checksum'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_SEQUENCE_AT,
  BASE_TIMESTAMP_AT,
  BATCH_BYTES_MAX,
  BATCH_BYTES_TARGET,
  BATCH_RECORDS_MAX,
  COUNT_AT,
  CRC_AT,
  HEADER_BYTES,
  LAST_OFFSET_DELTA_AT,
  LEADER_EPOCH_AT,
  LENGTH_AT,
  LENGTH_OVERHEAD_BYTES,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  NO_PRODUCER,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  type Producer,
  TIMESTAMP_MAX,
  TRANSACTIONAL_BIT,
  writeInt64,
} from './format.ts'
import { varintBytes, writeVarint } from './varint.ts'

/** Attributes, timestamp and offset differences, key length, value length, header count: at most 1 + 5 × 8 bytes. */
export const RECORD_OVERHEAD_BYTES = 48

/**
 * Builds one RecordBatch in a buffer that is used again for the next one. Records are written in place. A length before its
 * content first gets as many bytes as in the last record; if that was wrong, the content is moved.
 */
export class BatchBuilder {
  readonly #recordBytesMax: number
  /** For messages. */
  readonly #topic: string | undefined
  readonly #out = new ByteWriter()
  #count = 0
  #baseTimestamp = 0
  #maxTimestamp = 0
  #lengthBytes = 1
  #valueLengthBytes = 1
  #marked = { position: HEADER_BYTES, count: 0, baseTimestamp: 0, maxTimestamp: 0 }

  /** `recordBytesMax`: the largest record (key, value and headers together) that is accepted. `topic`: for messages. */
  constructor(recordBytesMax: number, topic?: string) {
    this.#recordBytesMax = recordBytesMax
    this.#topic = topic
    this.clear()
  }

  get count(): number {
    return this.#count
  }

  /** Bytes of the batch so far, its header included. */
  get bytes(): number {
    return this.#out.position
  }

  get maxTimestamp(): number {
    return this.#maxTimestamp
  }

  /** Whether the batch should be closed before the next record. */
  get full(): boolean {
    return this.#count >= BATCH_RECORDS_MAX || this.#out.position >= BATCH_BYTES_TARGET
  }

  clear(): void {
    this.#out.clear()
    this.#out.reserve(HEADER_BYTES)
    this.#out.position = HEADER_BYTES
    this.#count = 0
  }

  /** Notes what the batch holds now, for `rewind`. */
  mark(): void {
    const marked = this.#marked
    marked.position = this.#out.position
    marked.count = this.#count
    marked.baseTimestamp = this.#baseTimestamp
    marked.maxTimestamp = this.#maxTimestamp
  }

  /**
   * Makes the batch what it was at the mark. If it was finished and cleared since then, `finished` is a copy of the first
   * finished batch: it begins with the records from before the mark.
   */
  rewind(finished?: Buffer): void {
    const { position, count, baseTimestamp, maxTimestamp } = this.#marked
    const out = this.#out
    if (finished !== undefined) {
      out.clear()
      out.bytes(finished, 0, position)
    }
    out.position = position
    this.#count = count
    this.#baseTimestamp = baseTimestamp
    this.#maxTimestamp = maxTimestamp
  }

  /** Appends a record; the contract is that of `RecordAppender.append`. If it throws, the batch is unchanged. */
  append<V>(
    timestamp: number,
    keyBytes: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    serde: Serde<V>,
    headers: Headers,
  ): void {
    if (!Number.isSafeInteger(timestamp) || timestamp < 0 || timestamp > TIMESTAMP_MAX) {
      throw badTimestamp(timestamp, this.#topic)
    }
    const start = this.#out.position
    try {
      this.#write(timestamp, keyBytes, keyStart, keyEnd, value, serde, headers)
    } catch (error) {
      this.#out.position = start
      throw error
    }
    if (this.#count === 0 || timestamp > this.#maxTimestamp) this.#maxTimestamp = timestamp
    this.#count++
  }

  /**
   * Completes the header and returns the batch: a view, valid until the next `clear` or `append`. The base offset can be
   * set again later (`setBaseOffset`): the checksum does not cover it. With a producer the batch is part of a transaction.
   */
  finish(baseOffset: number, producer?: Producer): Buffer {
    const { buffer, position } = this.#out
    writeInt64(buffer, baseOffset, BASE_OFFSET_AT)
    buffer.writeInt32BE(position - LENGTH_OVERHEAD_BYTES, LENGTH_AT)
    buffer.writeInt32BE(0, LEADER_EPOCH_AT)
    buffer.writeInt8(MAGIC, MAGIC_AT)
    buffer.writeInt16BE(producer === undefined ? 0 : TRANSACTIONAL_BIT, ATTRIBUTES_AT)
    buffer.writeInt32BE(this.#count - 1, LAST_OFFSET_DELTA_AT)
    writeInt64(buffer, this.#baseTimestamp, BASE_TIMESTAMP_AT)
    writeInt64(buffer, this.#maxTimestamp, MAX_TIMESTAMP_AT)
    writeInt64(buffer, producer?.id ?? NO_PRODUCER, PRODUCER_ID_AT)
    buffer.writeInt16BE(producer?.epoch ?? NO_PRODUCER, PRODUCER_EPOCH_AT)
    buffer.writeInt32BE(NO_PRODUCER, BASE_SEQUENCE_AT)
    buffer.writeInt32BE(this.#count, COUNT_AT)
    buffer.writeUInt32BE(crc32c(buffer, ATTRIBUTES_AT, position), CRC_AT)
    return buffer.subarray(0, position)
  }

  #write<V>(
    timestamp: number,
    keyBytes: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    serde: Serde<V>,
    headers: Headers,
  ): void {
    const out = this.#out
    if (this.#count === 0) this.#baseTimestamp = timestamp
    const start = out.position
    const keyLength = keyBytes === null ? 0 : keyEnd - keyStart
    out.reserve(RECORD_OVERHEAD_BYTES + keyLength)
    const contentStart = start + this.#lengthBytes
    let { buffer } = out
    let at = contentStart
    buffer[at++] = 0
    at = writeVarint(buffer, timestamp - this.#baseTimestamp, at)
    at = writeVarint(buffer, this.#count, at)
    if (keyBytes === null) {
      at = writeVarint(buffer, -1, at)
    } else {
      at = writeVarint(buffer, keyLength, at)
      // For short keys, a loop is faster than the call.
      if (keyLength <= 24) for (let from = keyStart; from < keyEnd; from++) buffer[at++] = keyBytes[from] ?? 0
      else at += keyBytes.copy(buffer, at, keyStart, keyEnd)
    }
    if (value === null) {
      out.position = writeVarint(buffer, -1, at)
    } else {
      const valueStart = at + this.#valueLengthBytes
      out.position = valueStart
      serde.encode(value, out)
      const valueLength = out.position - valueStart
      const lengthBytes = varintBytes(valueLength)
      if (lengthBytes !== this.#valueLengthBytes) {
        this.#shift(valueStart, lengthBytes - this.#valueLengthBytes)
        this.#valueLengthBytes = lengthBytes
      }
      writeVarint(out.buffer, valueLength, at)
    }
    this.#writeHeaders(headers)
    const length = out.position - contentStart
    if (length > this.#recordBytesMax || out.position > BATCH_BYTES_MAX) {
      throw tooLarge(length, this.#recordBytesMax, this.#topic)
    }
    const lengthBytes = varintBytes(length)
    if (lengthBytes !== this.#lengthBytes) {
      this.#shift(contentStart, lengthBytes - this.#lengthBytes)
      this.#lengthBytes = lengthBytes
    }
    buffer = out.buffer
    writeVarint(buffer, length, start)
  }

  #writeHeaders(headers: Headers): void {
    const out = this.#out
    out.reserve(5)
    // Usually there are none.
    if (headers.length === 0) {
      out.buffer[out.position++] = 0
      return
    }
    out.position = writeVarint(out.buffer, headers.length, out.position)
    for (const [name, value] of headers) {
      const nameBytes = Buffer.byteLength(name)
      out.reserve(10 + nameBytes)
      out.position = writeVarint(out.buffer, nameBytes, out.position)
      out.utf8(name)
      out.reserve(5)
      out.position = writeVarint(out.buffer, value === null ? -1 : value.length, out.position)
      if (value !== null) out.bytes(value)
    }
  }

  /** Moves everything from `from` to the end by some bytes. */
  #shift(from: number, by: number): void {
    const out = this.#out
    if (by > 0) out.reserve(by)
    out.buffer.copyWithin(from + by, from, out.position)
    out.position += by
  }
}

/** Sets the base offset of a finished batch. */
export function setBaseOffset(batch: Buffer, baseOffset: number): void {
  writeInt64(batch, baseOffset, BASE_OFFSET_AT)
}

function badTimestamp(timestamp: number, topic: string | undefined): RecordError {
  const whose = topic === undefined ? '' : ` of a record for topic ${topic}`
  return new RecordError(
    'BAD_TIMESTAMP',
    `The timestamp ${timestamp}${whose} is not valid. It must be a whole number of milliseconds since 1970, from 0 to ${TIMESTAMP_MAX}`,
  )
}

function tooLarge(bytes: number, bytesMax: number, topic: string | undefined): RecordError {
  const what = topic === undefined ? 'its topic' : `topic ${topic}`
  return new RecordError(
    'RECORD_TOO_LARGE',
    `A record of ${bytes} bytes is larger than ${what} allows (${bytesMax} bytes). Split the record, or create the topic with a ` +
      'larger recordBytesMax',
  )
}
