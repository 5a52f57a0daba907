import { deleteHorizonMs, nextOffset } from './record-batch/batch-header.ts'
import { tombstonesGone, withDeleteHorizon, withTombstonesGone } from './record-batch/delete-horizon.ts'
import { filterBatch } from './record-batch/filter-batch.ts'
import type { RecordCursor } from './record-batch/record-cursor.ts'

/** How long a tombstone stays after it was first compacted, so that slow readers still read it: Kafka's `delete.retention.ms`. */
export const TOMBSTONE_KEPT_MS = 24 * 60 * 60 * 1000

/** What the compaction of a batch depends on. */
export interface Compaction {
  /** Whether a later record of the key is in the range that is compacted. Called for each record with a key, in order. */
  readonly superseded: (record: RecordCursor) => boolean
  /** Wall-clock time. */
  readonly nowMs: number
  /**
   * Earlier compactions reached this offset. Tombstones are dropped only before it, so that `PartitionReader.compactedBefore`
   * is past them.
   */
  readonly compactedBefore: number
  /**
   * This compaction reaches this offset. A tombstone's time begins only before it, since the records that it deletes are
   * removed there.
   */
  readonly compactedUntil: number
}

export interface CompactedBatch {
  /** The batch that stays; undefined if no record does. */
  readonly kept: Buffer | undefined
  /** Tombstones of the batch were dropped, now or before. `kept` has a mark for it, too. */
  readonly tombstonesGone: boolean
}

/**
 * Keeps the latest record of each key, unless it is a tombstone whose time is over, and every record without a key, which no
 * later one could replace. A tombstone's time begins when it is first compacted: then the batch gets a delete horizon, in
 * wall-clock time (KIP-534). The record's timestamp does not matter: it may be of any year.
 */
export function compactBatch(buffer: Buffer, at: number, bytes: number, compaction: Compaction): CompactedBatch {
  const { superseded, nowMs, compactedBefore, compactedUntil } = compaction
  const next = nextOffset(buffer, at)
  const horizonMs = deleteHorizonMs(buffer, at)
  const over = horizonMs !== undefined && horizonMs <= nowMs && next <= compactedBefore
  let tombstones = 0
  let dropped = 0
  const kept = filterBatch(buffer, at, bytes, (record) => {
    if (record.keyStart < 0) return true
    if (superseded(record)) return false
    if (record.valueStart >= 0) return true
    if (over) dropped++
    else tombstones++
    return !over
  })
  if (dropped > 0) return { kept: kept && withTombstonesGone(kept), tombstonesGone: true }
  if (kept === undefined || tombstones === 0 || horizonMs !== undefined || next > compactedUntil) {
    return { kept, tombstonesGone: tombstonesGone(buffer, at) }
  }
  return { kept: withDeleteHorizon(kept, Math.floor(nowMs) + TOMBSTONE_KEPT_MS), tombstonesGone: false }
}
