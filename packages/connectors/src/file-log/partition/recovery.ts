import type { OpenFile } from '@millrace/core'
import { tombstonesGone } from '../../record-batch/delete-horizon.ts'
import { logDamaged, partsDiffer } from '../errors.ts'
import { decidedEnd } from '../transactions/journals.ts'
import { type CommittedProducers, committedAfter, NO_PRODUCERS } from './committed-producers.ts'
import { openAfter } from './open-transactions.ts'
import { holdsBatchAfter, scanBatches } from './scan.ts'
import { mustBeSealed } from './seal.ts'
import type { SegmentFiles } from './segment-files.ts'
import { bootMark, EMPTY_TAIL, type OpenTransaction, type SyncedPoint, type Tail } from './tail.ts'

/** How far a scan has come: what a tail would contain there. */
interface Scanned {
  base: number
  bytes: number
  nextOffset: number
  open: readonly OpenTransaction[]
  committed: CommittedProducers
  maxTimestamp: number
  /** Past every batch whose tombstones were dropped: up to here the partition has been compacted. */
  compactedBefore: number
}

/**
 * Makes a tail that agrees with a partition's files. Under the partition's lock.
 *
 * In the boot that wrote the tail, only an append can have been cut off after it. Whole batches there are kept, since a dead
 * appender may have reported them; a torn one is cut off; anything else is damage. In another boot, anything after the synced
 * point may be missing, or zeros, with whole batches after it that were never reported. So the first batch that is not whole
 * is the end, unless a decided transaction shows that there was more.
 */
export function recoverTail(partition: SegmentFiles, tail: Tail | undefined): Tail {
  for (;;) {
    const segments = partition.segments()
    try {
      return recover(partition, tail, [...segments])
    } catch (error) {
      // Compaction does not take the lock: it may have replaced segments while they were read.
      if (`${segments}` === `${partition.segments()}`) throw error
    }
  }
}

function recover(partition: SegmentFiles, tail: Tail | undefined, segments: number[]): Tail {
  const boot = bootMark(partition.files.boot)
  const sameBoot = tail?.boot === boot
  // A process may have moved the tail to a new segment, and died before it made the segment.
  const activeBase = Math.max(segments.at(-1) ?? 0, sameBoot ? tail.activeBase : 0)
  if (segments.at(-1) !== activeBase) segments.push(activeBase)
  const from = startOf(partition, tail, sameBoot, segments)
  const scanned: Scanned = { ...from }
  // Without a tail it is not known whether the bytes that are read came from the disk or were only just written, and whether a
  // sync of them has failed; closed segments are durable.
  let mustSettle = tail === undefined
  for (const base of segments) {
    // Before the start, or left by a cut-off compaction: all of it is in the segment before.
    if (base < from.base || (base !== from.base && base < scanned.nextOffset)) continue
    if (base !== from.base) enterSegment(partition, scanned, base)
    const file = partition.openSegment(base, base === activeBase ? 'write' : 'read')
    try {
      scanSegment(file, scanned)
      const size = file.size()
      const torn = scanned.bytes < size
      if (torn) {
        if (base !== activeBase) {
          throw logDamaged(file.path, scanned.bytes, 'the batch there is not whole, and segments follow')
        }
        checkCut(file, scanned, tail, sameBoot)
        const decided = sameBoot ? 0 : decidedEnd(partition)
        if (decided > scanned.nextOffset) {
          const what = `the whole batches end at offset ${scanned.nextOffset}, but a committed transaction reaches offset ${decided}`
          throw logDamaged(file.path, scanned.bytes, what)
        }
        file.truncate(scanned.bytes)
      }
      // If the cut were not durable, the bytes that were cut off could reappear after a later append and a second power cut.
      mustSettle ||= torn
    } finally {
      file.close()
    }
  }
  if (!sameBoot) checkDecided(scanned, partition)
  return {
    ...(tail ?? EMPTY_TAIL),
    activeBase: scanned.base,
    activeBytes: scanned.bytes,
    nextOffset: scanned.nextOffset,
    maxTimestamp: scanned.maxTimestamp,
    open: scanned.open,
    committed: scanned.committed,
    compactedBefore: Math.max(tail?.compactedBefore ?? 0, scanned.compactedBefore),
    startOffset: Math.max(tail?.startOffset ?? 0, segments[0] ?? 0),
    boot,
    // A process may have died while it wrote to the tail that the topic is rescaled.
    pending: tail === undefined && mustBeSealed(partition) ? 'seal' : pendingAfter(tail, scanned, mustSettle),
    rewrites: (tail?.rewrites ?? 0) + 1,
    // In a new boot, what was read came from the disk.
    synced: sameBoot ? tail.synced : tail === undefined ? EMPTY_TAIL.synced : pointOf(scanned),
  }
}

/**
 * What is still to be done. After a cut, a roll that was begun must begin again: a process may be about to finish it, and its
 * sync does not cover the cut.
 */
function pendingAfter(tail: Tail | undefined, { base, bytes }: Scanned, mustSettle: boolean): Tail['pending'] {
  if (tail?.pending === 'seal') return 'seal'
  if (mustSettle) return 'settle'
  return tail?.activeBase === base && bytes > 0 ? tail.pending : null
}

/** Where the scan begins: everything before it is known to be good. */
function startOf(
  partition: SegmentFiles,
  tail: Tail | undefined,
  sameBoot: boolean,
  segments: readonly number[],
): Scanned {
  const sizeOf = (base: number) => partition.files.stat(partition.segmentPath(base))?.bytes ?? 0
  if (tail !== undefined) {
    if (sameBoot) {
      const { activeBase: base, activeBytes: bytes, nextOffset, open, committed, maxTimestamp } = tail
      const size = sizeOf(base)
      if (size >= bytes) return { base, bytes, nextOffset, open, committed, maxTimestamp, compactedBefore: 0 }
      throw logDamaged(partition.segmentPath(base), size, `the file ends here, but ${bytes} bytes of it were written`)
    }
    const { synced } = tail
    // The tail may be old: the segment may be closed by now, and rewritten by compaction or deleted by retention.
    if (synced.base === segments.at(-1)) {
      const size = sizeOf(synced.base)
      const { base, bytes, nextOffset, open, committed } = synced
      const { maxTimestamp } = tail
      if (size >= bytes) return { base, bytes, nextOffset, open, committed, maxTimestamp, compactedBefore: 0 }
      throw logDamaged(
        partition.segmentPath(base),
        size,
        `the file ends here, but ${bytes} bytes of it were made durable`,
      )
    }
  }
  const base = segments[0] ?? 0
  return { base, bytes: 0, nextOffset: base, open: [], committed: NO_PRODUCERS, maxTimestamp: -1, compactedBefore: 0 }
}

function enterSegment(partition: SegmentFiles, scanned: Scanned, base: number): void {
  if (base > scanned.nextOffset) {
    throw logDamaged(
      partition.segmentPath(base),
      0,
      `offset ${scanned.nextOffset} should come next: what was before is missing`,
    )
  }
  scanned.base = base
  scanned.bytes = 0
  scanned.maxTimestamp = -1
}

function scanSegment(file: OpenFile, scanned: Scanned): void {
  for (const batch of scanBatches(file, scanned.bytes, scanned.nextOffset, file.size())) {
    scanned.open = openAfter(scanned.open, batch.buffer, batch.at, batch.baseOffset)
    scanned.committed = committedAfter(scanned.committed, batch.buffer, batch.at)
    scanned.bytes = batch.position + batch.bytes
    scanned.nextOffset = batch.nextOffset
    scanned.maxTimestamp = Math.max(scanned.maxTimestamp, batch.maxTimestamp)
    if (tombstonesGone(batch.buffer, batch.at)) scanned.compactedBefore = batch.nextOffset
  }
}

/** Throws unless the bytes after the last whole batch may be cut off. */
function checkCut(file: OpenFile, scanned: Scanned, tail: Tail | undefined, sameBoot: boolean): void {
  const { synced } = tail ?? EMPTY_TAIL
  if (synced.base === scanned.base && scanned.bytes < synced.bytes) {
    throw logDamaged(file.path, scanned.bytes, 'the batch there is not whole, and it was made durable')
  }
  if (sameBoot && holdsBatchAfter(file, scanned.bytes)) {
    throw logDamaged(file.path, scanned.bytes, 'the batch there is not whole, and whole ones follow')
  }
}

/**
 * A decided transaction has made its records durable, so the journals know where they end, even if the tail is lost. A
 * partition that ends before that, and with a whole batch, is an older copy; or durability `os` has lost the end in a power
 * cut.
 */
function checkDecided({ nextOffset }: Scanned, partition: SegmentFiles): void {
  const end = decidedEnd(partition)
  if (end <= nextOffset) return
  const { data, topic, partition: number } = partition
  const what = `it ends at offset ${nextOffset}, and a committed transaction reaches offset ${end} there: the partition is older`
  throw partsDiffer(data, `${topic}/${number}`, what, { topic, partition: number })
}

function pointOf({ base, bytes, nextOffset, open, committed }: Scanned): SyncedPoint {
  return { base, bytes, nextOffset, open, committed }
}
