import type { Env } from '@millrace/core'
import { RecordCursor } from '../../record-batch/record-cursor.ts'
import { isCommitted } from '../partition/is-committed.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { segmentHolding } from '../partition/segments.ts'
import { stableOffset, type Tail } from '../partition/tail.ts'
import { segmentPath } from '../paths.ts'
import { TransactionOutcomes } from '../transactions/outcomes.ts'
import { syncActive } from '../writing/sync-active.ts'
import { Compactor } from './compactor.ts'
import { eachClosedBatch } from './each-closed-batch.ts'
import { COMPACTION_KEYS_MAX, KeyOffsets } from './key-offsets.ts'
import { Slices } from './slices.ts'

export interface CompactOptions {
  readonly segmentBytes: number
  /** Nothing is compacted while the bytes that were never compacted are less than this fraction of those that were. */
  readonly dirtyRatioMin: number
  /** The maximum number of keys in memory at once. Default `COMPACTION_KEYS_MAX`. */
  readonly keysMax?: number
  /** Cuts the compaction off, between two slices; the compaction then rejects with the signal's reason. */
  readonly signal?: AbortSignal
}

/**
 * Rewrites the closed segments of a partition so that each key's latest record among them stays, at its offset; a tombstone
 * is dropped too, 24 hours after it was first compacted. Appending and reading continue meanwhile.
 *
 * The part that was compacted before holds each key once. So one pass is enough for each run of new records whose keys fit
 * into memory: it notes their keys, then rewrites everything up to the end of the run without the records that they
 * supersede. The tail records how far compaction has come after each pass, so that a compaction that was cut off continues
 * there.
 */
export async function compact(env: Env, files: PartitionFiles, options: CompactOptions): Promise<void> {
  const { segmentBytes, dirtyRatioMin, keysMax = COMPACTION_KEYS_MAX, signal } = options
  const lock = files.files.open(`${files.directory}/cleaner`, 'write')
  try {
    // In the background, one process is enough; and if that one is stopped, closing this log must not wait for it.
    if (signal === undefined) await lock.lock()
    else if (!lock.tryLock()) return
    const tail = await files.settle()
    const closed = decidedSegments(files, tail)
    const [first] = closed
    const end = files.segments().find((base) => base > (closed.at(-1) ?? 0)) ?? tail.activeBase
    if (first === undefined || tail.compactedBefore >= end) return
    if (!isDirty(files, closed, tail, dirtyRatioMin)) return
    // Rewritten batches are not part of a transaction any more, so the markers after them must not be lost.
    if (tail.synced.nextOffset < tail.nextOffset) await syncActive(files)
    const slices = new Slices(env, signal)
    let from = Math.max(tail.compactedBefore, first)
    const keys = new KeyOffsets(Math.min(keysMax, end - from), env.random)
    while (from < end) {
      await keys.clear(from, slices)
      const segments = files.segments().filter((base) => base < end)
      const until = (await noteKeys({ files, segments, from, keys, tail, slices })) ?? end
      const compactor = new Compactor({ env, files, segmentBytes, from, keys, until, tail, slices })
      try {
        await compactor.run(segments.filter((base) => base < until))
      } finally {
        compactor.close()
      }
      slices.check()
      await setCompactedBefore(files, until)
      from = until
    }
  } finally {
    lock.close()
  }
}

/** The closed segments in which all transactions are over: their markers are before the tail. */
function decidedSegments(files: PartitionFiles, tail: Tail): number[] {
  const segments = files.segments().filter((base) => base <= tail.activeBase)
  return segments.slice(0, -1).filter((_, index) => (segments[index + 1] ?? 0) <= stableOffset(tail))
}

function isDirty(
  files: PartitionFiles,
  closed: readonly number[],
  { compactedBefore }: Tail,
  dirtyRatioMin: number,
): boolean {
  const bytesOf = (bases: readonly number[]) =>
    bases.reduce((sum, base) => sum + (files.files.stat(segmentPath(files.directory, base))?.bytes ?? 0), 0)
  const clean = bytesOf(closed.filter((base) => base < compactedBefore))
  return bytesOf(closed) - clean >= dirtyRatioMin * clean
}

/** Durably: only after that may tombstones before it be dropped, and a reader that begins then must know about it. */
async function setCompactedBefore(files: PartitionFiles, compactedBefore: number): Promise<void> {
  await files.withTail((tail) => files.writeTail({ ...tail, compactedBefore }))
  await files.syncTail()
}

interface NoteKeys {
  readonly files: PartitionFiles
  readonly segments: readonly number[]
  readonly from: number
  readonly keys: KeyOffsets
  readonly tail: Tail
  readonly slices: Slices
}

/** Notes the keys of the segments' records from an offset on. Returns the offset of the first record that did not fit, if any. */
async function noteKeys({ files, segments, from, keys, tail, slices }: NoteKeys): Promise<number | undefined> {
  const cursor = new RecordCursor(files.topic, files.partition)
  const outcomes = new TransactionOutcomes(files)
  const holdingBase = segmentHolding(segments, from) ?? from
  try {
    let next = from
    let until: number | undefined
    for (const base of segments) {
      // A compaction that was cut off left this segment: all of it is in the segment before.
      if (base < next && base !== holdingBase) continue
      await eachClosedBatch(files, base, slices, async (batch) => {
        if (batch.nextOffset <= from) return true
        next = batch.nextOffset
        if (!isCommitted(outcomes, files, base, batch, tail)) return true
        cursor.open(batch.buffer, batch.at, from)
        while (cursor.next()) {
          if (cursor.keyStart < 0) continue
          if (!keys.note(cursor.bytes, cursor.keyStart, cursor.keyEnd, cursor.offset)) {
            until = cursor.offset
            return false
          }
          if (slices.overAfterStep()) await slices.next()
        }
        return true
      })
      if (until !== undefined) return until
    }
    return undefined
  } finally {
    outcomes.close()
  }
}
