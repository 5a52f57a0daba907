import type { FileSystem } from '@millrace/core'
import { baseOffset } from '../../record-batch/batch-header.ts'
import { HEADER_BYTES, LENGTH_AT, LENGTH_OVERHEAD_BYTES, MAGIC, MAGIC_AT } from '../../record-batch/format.ts'
import { readIfThere } from '../if-there.ts'
import { scanBatches } from '../partition/scan.ts'
import { ENTRY_BYTES, type IndexEntry, readIndexEntry } from '../partition/segment-index.ts'
import { indexPath, partitionDirectory } from '../paths.ts'
import { isOfBoot, requiredOf } from './required.ts'
import { type PartitionSnapshot, type SegmentFile, takeSnapshot } from './snapshot.ts'
import { type VerifiedPartition, verifyPartition } from './verify-partition.ts'

/**
 * As `verifyPartition`, but reads only how each segment begins and how the partition ends. If anything there is not as it
 * should be, it reads everything. So what it reports is exact, and damage in the middle of a segment may go unnoticed.
 */
export function verifyEnds(files: FileSystem, data: string, topic: string, partition: number): VerifiedPartition {
  const snapshot = takeSnapshot(files, partitionDirectory(data, topic, partition), false)
  if (!looksWhole(files, snapshot)) return verifyPartition(files, data, topic, partition)
  return { topic, partition, segments: snapshot.segments.length, batches: 0, bytes: 0, problems: [] }
}

function looksWhole(files: FileSystem, snapshot: PartitionSnapshot): boolean {
  const { tail, segments } = snapshot
  if (tail === undefined || (segments[0]?.base ?? 0) > tail.startOffset) return false
  return segments.every((segment, index) => {
    const next = segments[index + 1]
    return next === undefined ? endsWell(files, snapshot, segment) : isChained(files, snapshot, segment, next.base)
  })
}

/** Whether a closed segment begins with its own offset, and ends where the next one begins, as far as its index shows. */
function isChained(files: FileSystem, { directory }: PartitionSnapshot, segment: SegmentFile, next: number): boolean {
  const end = lastEntry(files, directory, segment.base)
  if (end !== undefined && end.position > segment.bytes) return false
  if (end?.position === segment.bytes && end.offset < next) return false
  return beginsWell(files, segment)
}

/** Whether the active segment holds what the tail states, in whole batches from the last one that its index names. */
function endsWell(files: FileSystem, snapshot: PartitionSnapshot, segment: SegmentFile): boolean {
  const { tail, boot, quiet, directory } = snapshot
  const required = requiredOf(tail, boot, segment.base)
  const isAhead = tail !== undefined && isOfBoot(tail, boot) && segment.bytes > tail.activeBytes
  if (quiet && isAhead) return false
  if (required.bytes === 0) return true
  if (!beginsWell(files, segment)) return false
  const entry = lastEntry(files, directory, segment.base)
  const from = entry !== undefined && entry.position < required.bytes ? entry : { offset: segment.base, position: 0 }
  const end = readIfThere(files, segment.path, (file) => {
    let reached = { position: from.position, offset: from.offset }
    for (const { position, bytes, nextOffset } of scanBatches(file, from.position, from.offset, required.bytes)) {
      reached = { position: position + bytes, offset: nextOffset }
    }
    return reached
  })
  return end?.position === required.bytes && end.offset === required.nextOffset
}

/** Whether a segment begins with the header of a batch that has the offset in the segment's name, and fits into the file. */
function beginsWell(files: FileSystem, { path, base, bytes }: SegmentFile): boolean {
  const isWhole = readIfThere(files, path, (file) => {
    const header = Buffer.alloc(HEADER_BYTES)
    if (file.read(header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return false
    const end = LENGTH_OVERHEAD_BYTES + header.readInt32BE(LENGTH_AT)
    return baseOffset(header, 0) === base && header.readInt8(MAGIC_AT) === MAGIC && end <= bytes
  })
  return isWhole ?? false
}

/** The last whole entry of a segment's index; undefined if there is none. */
function lastEntry(files: FileSystem, directory: string, base: number): IndexEntry | undefined {
  return readIfThere(files, indexPath(directory, base), (file) => {
    const bytes = Buffer.alloc(ENTRY_BYTES)
    const at = (Math.floor(file.size() / ENTRY_BYTES) - 1) * ENTRY_BYTES
    return at >= 0 && file.read(bytes, 0, ENTRY_BYTES, at) === ENTRY_BYTES ? readIndexEntry(bytes, 0) : undefined
  })
}
