import type { Env, TopicDescription } from '@millrace/core'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { scanBatches } from '../partition/scan.ts'
import { SegmentIndex } from '../partition/segment-index.ts'
import { stableOffset, type Tail } from '../partition/tail.ts'
import { indexPath, segmentPath } from '../paths.ts'
import { syncNames } from '../sync.ts'

interface ClosedSegment {
  readonly base: number
  /** The offset after its last record: where the next segment starts. */
  readonly next: number
  readonly bytes: number
}

/**
 * Deletes the oldest closed segments that exceed the topic's settings: whole segments, from the front, never the active one.
 * A segment is deleted by time when its greatest record timestamp is older than `retentionMs`, and by size while the
 * partition stays at least as large as `retentionBytes` without it.
 */
export async function applyRetention(env: Env, files: PartitionFiles, topic: TopicDescription): Promise<void> {
  const { retentionMs, retentionBytes } = topic
  if (retentionMs === null && retentionBytes === null) return
  const oldest = env.clock.now() - (retentionMs ?? 0)
  await deleteWhile(files, (segment, partitionBytes) => {
    if (retentionBytes !== null && partitionBytes - segment.bytes >= retentionBytes) return true
    return retentionMs !== null && greatestTimestamp(files, segment) < oldest
  })
}

/** Deletes the closed segments that hold nothing from `offset` on. */
export async function purgeBefore(files: PartitionFiles, offset: number): Promise<void> {
  await deleteWhile(files, (segment) => segment.next <= offset)
}

/** As `purgeBefore`, for a partition that is not compacted: deletes nothing while it is being copied. */
export async function purgeUnlessCopied(files: PartitionFiles, offset: number): Promise<void> {
  const lock = files.files.open(`${files.directory}/cleaner`, 'write')
  try {
    // A purge is a permission, and the next one comes soon. To wait would hold up the job.
    if (lock.tryLock()) await purgeBefore(files, offset)
  } finally {
    lock.close()
  }
}

async function deleteWhile(
  files: PartitionFiles,
  isExpired: (segment: ClosedSegment, partitionBytes: number) => boolean,
): Promise<void> {
  let removed = false
  for (;;) {
    const tail = await files.settle()
    const segments = closedSegments(files, tail)
    const [first] = segments
    const bytes = segments.reduce((sum, segment) => sum + segment.bytes, tail.activeBytes)
    // What is not decided yet is kept, since readers do not know yet how it ends.
    if (first === undefined || first.next > stableOffset(tail) || !isExpired(first, bytes)) break
    // All segments before this one are gone. If a power cut brought one of them back, and not this one, there would be a gap.
    await syncNames(files.files, files.directory)
    removed = (await files.withTail((present) => removeFirst(files, first, present))) || removed
  }
  if (removed) await syncNames(files.files, files.directory)
}

/** False if another process has removed it. */
function removeFirst(files: PartitionFiles, { base, next }: ClosedSegment, tail: Tail): boolean {
  if (files.segments()[0] !== base) return false
  // The start moves first: then a reader that comes too late gets the right error, instead of a missing file.
  files.writeTail({ ...tail, startOffset: Math.max(tail.startOffset, next) })
  files.files.remove(indexPath(files.directory, base))
  files.files.remove(segmentPath(files.directory, base))
  return true
}

function closedSegments(files: PartitionFiles, tail: Tail): ClosedSegment[] {
  const bases = files.segments().filter((base) => base <= tail.activeBase)
  return bases.slice(0, -1).map((base, index) => ({
    base,
    next: bases[index + 1] ?? tail.activeBase,
    bytes: files.files.stat(segmentPath(files.directory, base))?.bytes ?? 0,
  }))
}

/** The greatest record timestamp of a closed segment; -1 for an empty one. */
function greatestTimestamp(files: PartitionFiles, { base, bytes }: ClosedSegment): number {
  const index = new SegmentIndex(files.files, files.directory, base)
  const segment = files.openSegment(base, 'read')
  try {
    const last = index.entries().at(-1)
    let greatest = last?.maxTimestampBefore ?? -1
    for (const batch of scanBatches(segment, last?.position ?? 0, last?.offset ?? base, bytes)) {
      greatest = Math.max(greatest, batch.maxTimestamp)
    }
    return greatest
  } finally {
    index.close()
    segment.close()
  }
}
