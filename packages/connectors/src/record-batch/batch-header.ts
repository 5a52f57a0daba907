import { crc32c } from '@millrace/core/checksum'
import {
  ATTRIBUTES_AT,
  BASE_OFFSET_AT,
  BASE_TIMESTAMP_AT,
  COMPRESSION_MASK,
  CONTROL_BIT,
  COUNT_AT,
  CRC_AT,
  DELETE_HORIZON_BIT,
  HEADER_BYTES,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LENGTH_OVERHEAD_BYTES,
  MAGIC,
  MAGIC_AT,
  MAX_TIMESTAMP_AT,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  type Producer,
  readInt64,
  TRANSACTIONAL_BIT,
} from './format.ts'
import { firstDifference, rebaseRecords } from './rebase-records.ts'

/** The header's fields, each read where a batch starts in a buffer. `isWhole` returns whether they are valid. */

/** The batch's whole length in bytes; undefined if it cannot be one. Needs 12 bytes. */
export function batchBytes(buffer: Buffer, at: number): number | undefined {
  const length = buffer.readInt32BE(at + LENGTH_AT)
  return length < HEADER_BYTES - LENGTH_OVERHEAD_BYTES ? undefined : length + LENGTH_OVERHEAD_BYTES
}

/** Whether the batch, all of which is in the buffer, has the right format and checksum. */
export function isWhole(buffer: Buffer, at: number, bytes: number): boolean {
  return (
    buffer.readInt8(at + MAGIC_AT) === MAGIC &&
    buffer.readUInt32BE(at + CRC_AT) === crc32c(buffer, at + ATTRIBUTES_AT, at + bytes)
  )
}

export const baseOffset = (buffer: Buffer, at: number): number => readInt64(buffer, at + BASE_OFFSET_AT)

export const nextOffset = (buffer: Buffer, at: number): number =>
  baseOffset(buffer, at) + buffer.readInt32BE(at + LAST_OFFSET_DELTA_AT) + 1

export const baseTimestamp = (buffer: Buffer, at: number): number => readInt64(buffer, at + BASE_TIMESTAMP_AT)

export const maxTimestamp = (buffer: Buffer, at: number): number => readInt64(buffer, at + MAX_TIMESTAMP_AT)

export const recordCount = (buffer: Buffer, at: number): number => buffer.readInt32BE(at + COUNT_AT)

/**
 * When compaction may drop the batch's tombstones, by the wall clock, in ms since the epoch. Undefined for a batch without
 * tombstones, or one that was not compacted yet.
 */
export const deleteHorizonMs = (buffer: Buffer, at: number): number | undefined =>
  (buffer.readInt16BE(at + ATTRIBUTES_AT) & DELETE_HORIZON_BIT) === 0 ? undefined : baseTimestamp(buffer, at)

/**
 * A computed checksum of the records alone: a rewritten header or a delete horizon does not change it. The records are taken
 * as they were first written: their timestamp differences count from the first of them.
 */
export function recordsChecksum(buffer: Buffer, at: number): number {
  const start = at + HEADER_BYTES
  const end = at + (batchBytes(buffer, at) ?? HEADER_BYTES)
  const count = recordCount(buffer, at)
  if (deleteHorizonMs(buffer, at) === undefined || count === 0) return crc32c(buffer, start, end)
  const written = rebaseRecords(buffer, start, end, count, -firstDifference(buffer, start))
  return crc32c(written, 0, written.length)
}

export const isControl = (buffer: Buffer, at: number): boolean =>
  (buffer.readInt16BE(at + ATTRIBUTES_AT) & CONTROL_BIT) !== 0

/** Whether the batch belongs to a transaction: its records, or the marker that ends it. */
export const isTransactional = (buffer: Buffer, at: number): boolean =>
  (buffer.readInt16BE(at + ATTRIBUTES_AT) & TRANSACTIONAL_BIT) !== 0

export const producerOf = (buffer: Buffer, at: number): Producer => ({
  id: readInt64(buffer, at + PRODUCER_ID_AT),
  epoch: buffer.readInt16BE(at + PRODUCER_EPOCH_AT),
})

export const isCompressed = (buffer: Buffer, at: number): boolean =>
  (buffer.readInt16BE(at + ATTRIBUTES_AT) & COMPRESSION_MASK) !== 0
