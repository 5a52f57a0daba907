import { RecordCursor } from '../../record-batch/record-cursor.ts'
import { TransactionOutcomes } from '../transactions/outcomes.ts'
import { isCommitted } from './is-committed.ts'
import type { PartitionFiles } from './partition-files.ts'
import { scanBatches } from './scan.ts'
import { findEntry, SegmentIndex } from './segment-index.ts'
import { stableOffset, type Tail } from './tail.ts'

/**
 * The offset of the first committed record whose timestamp is at least `timestamp`; if there is none, the end of what is
 * committed.
 */
export async function offsetAt(files: PartitionFiles, timestamp: number): Promise<number> {
  const tail = await files.settle()
  const outcomes = new TransactionOutcomes(files)
  try {
    for (const base of files.segments()) {
      if (base > tail.activeBase) break
      const found = offsetInSegment(files, base, tail, outcomes, timestamp)
      if (found !== undefined) return Math.max(found, tail.startOffset)
    }
    return stableOffset(tail)
  } finally {
    outcomes.close()
  }
}

function offsetInSegment(
  files: PartitionFiles,
  base: number,
  tail: Tail,
  outcomes: TransactionOutcomes,
  timestamp: number,
): number | undefined {
  const limit = base === tail.activeBase ? tail.activeBytes : undefined
  const segment = files.openSegment(base, 'read')
  const index = new SegmentIndex(files.files, files.directory, base)
  try {
    if (limit === undefined) index.repair(segment)
    const from = findEntry(index, segment, (entry) => entry.maxTimestampBefore < timestamp)
    for (const batch of scanBatches(segment, from.position, from.offset, limit ?? segment.size())) {
      if (batch.baseOffset >= stableOffset(tail)) break
      if (batch.maxTimestamp < timestamp || !isCommitted(outcomes, files, base, batch, tail)) continue
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
