import { crc32c } from '@millrace/core/checksum'
import { baseTimestamp, deleteHorizonMs, recordCount } from './batch-header.ts'
import {
  ATTRIBUTES_AT,
  BASE_TIMESTAMP_AT,
  CRC_AT,
  DELETE_HORIZON_BIT,
  HEADER_BYTES,
  LENGTH_AT,
  LENGTH_OVERHEAD_BYTES,
  writeInt64,
} from './format.ts'
import { rebaseRecords } from './rebase-records.ts'

/**
 * The delete horizon of a batch that has lost tombstones to compaction. For Kafka it is a horizon that is long past, which is
 * true; no other batch of ours has it.
 */
const TOMBSTONES_GONE_MS = 0

/** Whether compaction has dropped tombstones of the batch that deleted keys for good. */
export const tombstonesGone = (buffer: Buffer, at: number): boolean =>
  deleteHorizonMs(buffer, at) === TOMBSTONES_GONE_MS

/** The batch with a mark that tombstones of it were dropped. */
export function withTombstonesGone(batch: Buffer): Buffer {
  return withDeleteHorizon(batch, TOMBSTONES_GONE_MS)
}

/**
 * The batch with a delete horizon, as in KIP-534: the horizon replaces the base timestamp, and the records' differences count
 * from it, so that every timestamp keeps its value. Kafka's tools read it the same way.
 */
export function withDeleteHorizon(batch: Buffer, horizonMs: number): Buffer {
  const count = recordCount(batch, 0)
  // The bytes after the header of a batch without records are padding.
  const end = count === 0 ? HEADER_BYTES : batch.length
  const by = baseTimestamp(batch, 0) - horizonMs
  const marked = Buffer.concat([batch.subarray(0, HEADER_BYTES), rebaseRecords(batch, HEADER_BYTES, end, count, by)])
  marked.writeInt32BE(marked.length - LENGTH_OVERHEAD_BYTES, LENGTH_AT)
  marked.writeInt16BE(marked.readInt16BE(ATTRIBUTES_AT) | DELETE_HORIZON_BIT, ATTRIBUTES_AT)
  writeInt64(marked, horizonMs, BASE_TIMESTAMP_AT)
  marked.writeUInt32BE(crc32c(marked, ATTRIBUTES_AT, marked.length), CRC_AT)
  return marked
}
