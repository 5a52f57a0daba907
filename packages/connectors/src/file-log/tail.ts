import type { OpenFile } from '@millrace/core'
import { crc32c } from '../record-batch/crc32c.ts'
import { readInt64, writeInt64 } from '../record-batch/format.ts'

/**
 * What a partition's file `tail` says: where appending goes on. The same file is the partition's lock: whoever holds
 * its advisory lock may append, and rewrites it after every append. Readers read it without the lock; a checksum tells
 * them when they caught it half written.
 *
 * It is a hint about files, never their judge: it is not synced with every append, so that after a power cut it may be
 * older than they are, or missing. Whoever opens a partition compares, and recovers under the lock where it must.
 */
export interface Tail {
  /** The base offset of the segment that is appended to. */
  readonly activeBase: number
  /** How many bytes of it are whole batches. */
  readonly activeBytes: number
  /** How many bytes of it are known to survive a power cut: damage below is damage, not a torn append. */
  readonly syncedBytes: number
  /** The offset that the next record gets. */
  readonly nextOffset: number
  /** The offset of the first record that is kept. */
  readonly startOffset: number
  /** The greatest record timestamp in the active segment; -1 where it is empty. */
  readonly maxTimestamp: number
  /** Segments that start before this have been compacted. */
  readonly compactedBefore: number
  /** The topic was deleted: whoever still has the file open must stop. */
  readonly deleted: boolean
}

export const EMPTY_TAIL: Tail = {
  activeBase: 0,
  activeBytes: 0,
  syncedBytes: 0,
  nextOffset: 0,
  startOffset: 0,
  maxTimestamp: -1,
  compactedBefore: 0,
  deleted: false,
}

const MAGIC = 0x4d525431 // "MRT1"
const TAIL_BYTES = 72
const CRC_AT = 4
const CONTENT_AT = 8

/** A read that races with a write of another process fails its checksum; the write takes microseconds. */
const READ_TRIES = 5

const buffer = Buffer.alloc(TAIL_BYTES)

/** Reads a tail; undefined where there is none or it is damaged. */
export function readTail(file: OpenFile): Tail | undefined {
  for (let tries = 0; tries < READ_TRIES; tries++) {
    if (file.read(buffer, 0, TAIL_BYTES, 0) < TAIL_BYTES) return undefined
    if (buffer.readUInt32BE(0) !== MAGIC) return undefined
    if (buffer.readUInt32BE(CRC_AT) !== crc32c(buffer, CONTENT_AT, TAIL_BYTES)) continue
    return {
      activeBase: readInt64(buffer, 8),
      activeBytes: readInt64(buffer, 16),
      syncedBytes: readInt64(buffer, 24),
      nextOffset: readInt64(buffer, 32),
      startOffset: readInt64(buffer, 40),
      compactedBefore: readInt64(buffer, 48),
      maxTimestamp: readInt64(buffer, 56),
      deleted: buffer.readUInt32BE(64) !== 0,
    }
  }
  return undefined
}

/** Rewrites a tail. The caller holds the file's lock. */
export function writeTail(file: OpenFile, tail: Tail): void {
  buffer.fill(0)
  buffer.writeUInt32BE(MAGIC, 0)
  writeInt64(buffer, tail.activeBase, 8)
  writeInt64(buffer, tail.activeBytes, 16)
  writeInt64(buffer, tail.syncedBytes, 24)
  writeInt64(buffer, tail.nextOffset, 32)
  writeInt64(buffer, tail.startOffset, 40)
  writeInt64(buffer, tail.compactedBefore, 48)
  writeInt64(buffer, tail.maxTimestamp, 56)
  buffer.writeUInt32BE(tail.deleted ? 1 : 0, 64)
  buffer.writeUInt32BE(crc32c(buffer, CONTENT_AT, TAIL_BYTES), CRC_AT)
  file.write(buffer, 0, TAIL_BYTES, 0)
}
