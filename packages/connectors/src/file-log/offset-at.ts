import { RecordCursor } from '../record-batch/record-cursor.ts'
import type { PartitionFiles } from './partition-files.ts'
import { scanBatches } from './scan.ts'
import { findEntry, SegmentIndex } from './segment-index.ts'

/** The offset of the first record whose timestamp is at least `timestamp`; the partition's end where there is none. */
export async function offsetAt(files: PartitionFiles, timestamp: number): Promise<number> {
  const tail = await files.settle()
  for (const base of files.segments()) {
    if (base > tail.activeBase) break
    const found = offsetInSegment(files, base, base === tail.activeBase ? tail.activeBytes : undefined, timestamp)
    if (found !== undefined) return Math.max(found, tail.startOffset)
  }
  return tail.nextOffset
}

function offsetInSegment(
  files: PartitionFiles,
  base: number,
  limit: number | undefined,
  timestamp: number,
): number | undefined {
  const segment = files.openSegment(base, 'read')
  const index = new SegmentIndex(files.files, files.directory, base)
  try {
    if (limit === undefined) index.mend(segment)
    const from = findEntry(index, segment, (entry) => entry.maxTimestampBefore < timestamp)
    for (const batch of scanBatches(segment, from.position, from.offset, limit ?? segment.size())) {
      if (batch.maxTimestamp < timestamp) continue
      const cursor = new RecordCursor(files.topic, files.partition)
      cursor.open(batch.buffer, batch.at, 0)
      while (cursor.next()) if (cursor.timestamp >= timestamp) return cursor.offset
    }
    return undefined
  } finally {
    index.close()
    segment.close()
  }
}
