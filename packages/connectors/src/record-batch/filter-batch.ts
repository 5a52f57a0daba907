import { crc32c } from '@millrace/core/checksum'
import { BatchBuilder } from './batch-builder.ts'
import { isTransactional, recordCount } from './batch-header.ts'
import {
  ATTRIBUTES_AT,
  COUNT_AT,
  CRC_AT,
  HEADER_BYTES,
  LAST_OFFSET_DELTA_AT,
  LENGTH_AT,
  LENGTH_OVERHEAD_BYTES,
  MAX_TIMESTAMP_AT,
  NO_PRODUCER,
  PRODUCER_EPOCH_AT,
  PRODUCER_ID_AT,
  TRANSACTIONAL_BIT,
  writeInt64,
} from './format.ts'
import { RecordCursor } from './record-cursor.ts'

/**
 * A batch with some of its records removed, the others at their offsets; the batch itself if all stay, undefined if none
 * does. Base offset, last offset and base timestamp stay, so that each record's own bytes are still right.
 */
export function filterBatch(
  buffer: Buffer,
  at: number,
  bytes: number,
  keeps: (record: RecordCursor) => boolean,
): Buffer | undefined {
  const cursor = new RecordCursor('', 0)
  cursor.open(buffer, at, 0)
  const kept = Buffer.allocUnsafe(bytes)
  buffer.copy(kept, 0, at, at + HEADER_BYTES)
  let end = HEADER_BYTES
  let count = 0
  let maxTimestamp = -1
  while (cursor.next()) {
    if (!keeps(cursor)) continue
    end += buffer.copy(kept, end, cursor.recordStart, cursor.recordEnd)
    count++
    maxTimestamp = Math.max(maxTimestamp, cursor.timestamp)
  }
  if (count === 0) return undefined
  if (count === recordCount(buffer, at)) return buffer.subarray(at, at + bytes)
  kept.writeInt32BE(end - LENGTH_OVERHEAD_BYTES, LENGTH_AT)
  kept.writeInt32BE(count, COUNT_AT)
  writeInt64(kept, maxTimestamp, MAX_TIMESTAMP_AT)
  kept.writeUInt32BE(crc32c(kept, ATTRIBUTES_AT, end), CRC_AT)
  return kept.subarray(0, end)
}

/** A batch spans at most as many offsets as its 31-bit difference counts. */
export const EMPTY_OFFSETS_MAX = 2 ** 31

/**
 * A batch without records for the offsets [baseOffset, nextOffset). It may be longer than its header, to fill the place of
 * another: the rest is zeros, which no reader reads.
 */
export function emptyBatch(baseOffset: number, nextOffset: number, bytes = HEADER_BYTES): Buffer {
  const batch = Buffer.alloc(bytes)
  new BatchBuilder(0).finish(baseOffset).copy(batch)
  batch.writeInt32BE(bytes - LENGTH_OVERHEAD_BYTES, LENGTH_AT)
  batch.writeInt32BE(nextOffset - baseOffset - 1, LAST_OFFSET_DELTA_AT)
  batch.writeUInt32BE(crc32c(batch, ATTRIBUTES_AT, bytes), CRC_AT)
  return batch
}

/** The batch without its transaction; the batch itself if it has none. Its records' bytes stay as they are. */
export function withoutTransaction(batch: Buffer): Buffer {
  if (!isTransactional(batch, 0)) return batch
  const plain = Buffer.from(batch)
  plain.writeInt16BE(plain.readInt16BE(ATTRIBUTES_AT) & ~TRANSACTIONAL_BIT, ATTRIBUTES_AT)
  writeInt64(plain, NO_PRODUCER, PRODUCER_ID_AT)
  plain.writeInt16BE(NO_PRODUCER, PRODUCER_EPOCH_AT)
  plain.writeUInt32BE(crc32c(plain, ATTRIBUTES_AT, plain.length), CRC_AT)
  return plain
}
