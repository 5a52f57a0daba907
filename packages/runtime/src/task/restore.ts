import { FatalError, type GroupPosition, type Log, type PartitionReader } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import { type Changelog, requireWholeChangelog } from './changelog-start.ts'
import { wholeLog } from './whole-log.ts'

/** Changelog bytes that go into the store at once: large enough for LevelDB, small enough for memory. */
const RESTORE_BATCH_BYTES = 4 * 1024 * 1024
/** How long one wait for changelog records may take before the end is looked up again. */
const RESTORE_WAIT_MS = 1000

/** How far a restore is, in changelog offsets: all that are read, also those of the task's neighbours. */
export interface RestoreProgress {
  readonly task: string
  readonly done: number
  readonly total: number
}

/** How a restore went. */
export interface RestoreResult {
  /** Changelog records applied. */
  readonly records: number
  /** Why the local state was thrown away and built anew, if it was. */
  readonly rebuilt: string | undefined
}

/**
 * Brings a task's state to the end of its changelog. The local store is a cache: it is kept only where the changelog
 * still has, at the very offset, the group that the store says it ends with; a log that lost its tail, or was compacted
 * past that point, has another one or none. Rejects with the signal's reason once that is aborted.
 */
export async function restoreState(
  log: Log,
  state: TaskState,
  { job, changelog }: Changelog,
  partition: number,
  progress: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<RestoreResult> {
  const { start, end } = await wholeLog(log, changelog, partition)
  // Also one that was cut while the job ran: the state of a task that moves, or is rebuilt, would lack what is gone.
  requireWholeChangelog({ job, changelog }, partition, start)
  let rebuilt = await checkPosition(log, state, changelog, partition, end)
  if (rebuilt !== undefined) await state.discard()
  if (state.position.nextOffset >= end) return { records: 0, rebuilt }
  const reader = log.openReader()
  try {
    for (;;) {
      const changes = await reader.assign(changelog, partition, state.position.nextOffset)
      const wait = async () => {
        signal?.throwIfAborted()
        await reader.wait(RESTORE_WAIT_MS, signal)
      }
      const records = await applyChanges(state, changes, end, wait, (done, total) => {
        progress(done, total)
        signal?.throwIfAborted()
      })
      if (records !== undefined) return { records, rebuilt }
      // A restore from the start does not meet this unless it takes more than a day.
      if (state.position.nextOffset === 0 || rebuilt !== undefined) throw tombstonesGone(changelog, partition)
      rebuilt = `compaction has dropped deletions from ${changelog}/${partition} that the store has not seen`
      changes.close()
      await state.discard()
    }
  } finally {
    await reader.close()
  }
}

/** Says what is wrong with the state's position, if anything is. */
async function checkPosition(
  log: Log,
  state: TaskState,
  changelog: string,
  partition: number,
  end: number,
): Promise<string | undefined> {
  const { nextOffset, checksum } = state.position
  if (nextOffset === 0) return undefined
  const place = `${changelog}/${partition}`
  if (end < nextOffset) return `the store has ${place} up to offset ${nextOffset}, but the log ends at ${end}`
  // What the store has was committed: nobody else's open transaction need be waited for to look at it.
  const reader = log.openReader({ isolation: 'uncommitted' })
  try {
    const batch = (await reader.assign(changelog, partition, nextOffset - 1)).poll()
    if (batch?.nextOffset === nextOffset && batch.recordsChecksum() === checksum) return undefined
    return `${place} has another group before offset ${nextOffset} than the one that the store ends with`
  } finally {
    await reader.close()
  }
}

/**
 * Applies what the changelog has up to `end`; returns how many records. Undefined if it lacks tombstones of what the state
 * may hold: it must be discarded.
 */
async function applyChanges(
  state: TaskState,
  changes: PartitionReader,
  end: number,
  wait: () => Promise<void>,
  progress: (done: number, total: number) => void,
): Promise<number | undefined> {
  const start = changes.position
  // A state that begins empty never held what tombstones before this deleted.
  const compactedBefore = state.position.nextOffset === 0 ? changes.compactedBefore : 0
  const restorer = state.restorer()
  let records = 0
  let bytes = 0
  let position: GroupPosition | undefined
  while (changes.position < end) {
    const batch = changes.poll()
    if (batch === undefined) {
      // Offsets of aborted transactions and of markers are passed without a batch.
      if (changes.position < end) await wait()
      else progress(end - start, end - start)
      continue
    }
    if (batch.tombstonesGone && batch.nextOffset > compactedBefore) return undefined
    while (batch.next()) {
      restorer.add(batch.bytes, batch.keyStart, batch.keyEnd, batch.valueStart, batch.valueEnd)
      bytes += Math.max(0, batch.keyEnd - batch.keyStart) + Math.max(0, batch.valueEnd - batch.valueStart)
      records++
    }
    position = { nextOffset: batch.nextOffset, checksum: batch.recordsChecksum() }
    progress(Math.min(end, batch.nextOffset) - start, end - start)
    if (bytes >= RESTORE_BATCH_BYTES) {
      await restorer.apply(position)
      bytes = 0
      position = undefined
    }
  }
  if (position !== undefined) await restorer.apply(position)
  return records
}

function tombstonesGone(topic: string, partition: number): FatalError {
  return new FatalError(
    'TOMBSTONES_GONE',
    `Compaction has dropped deletions from ${topic}/${partition} while the state was restored from its start: the restore takes ` +
      `more than 24 hours, or the partition's files are of different copies. Start again, or restore one copy of the data`,
    { topic, partition },
  )
}
