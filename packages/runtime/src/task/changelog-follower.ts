import { FatalError, type GroupPosition, type Log, type PartitionReader } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import { type Changelog, changelogEndCut, requireWholeChangelog } from './changelog-cut.ts'
import { wholeLog } from './whole-log.ts'

/**
 * Changelog bytes that go into the store at once. With 4 MiB a restore reaches 0.74 of a bare loop and takes 414 MB, with 8 MiB
 * 0.77 and 472 MB, with 1 MiB 0.66 and 312 MB.
 */
const RESTORE_BATCH_BYTES = 8 * 1024 * 1024
/** How long one wait for changelog records may take before the end is looked up again. */
const RESTORE_WAIT_MS = 1000

/** How a restore went. */
export interface RestoreResult {
  /** Changelog records applied. */
  readonly records: number
  /** Why the local state was discarded and rebuilt, if it was. */
  readonly rebuilt: string | undefined
}

export interface CatchUpOptions {
  /**
   * `all`: to the end of the log; undecided records there are waited for, as they may be the task's own. `committed`: to the
   * end of what is committed now. Default `all`.
   */
  readonly to?: 'all' | 'committed'
  readonly progress?: (done: number, total: number) => void
  readonly signal?: AbortSignal | undefined
}

/** How a follower shares its thread with other work. */
export interface Pacing {
  /** Changelog bytes that go into the store at once. */
  readonly batchBytes: number
  /** Called after each batch of the changelog: settles when the follower may go on; undefined if it may at once. */
  pause(): Promise<void> | undefined
  /** Called when nothing is left to read, before the wait for more. */
  rest(signal: AbortSignal | undefined): Promise<void>
}

/** What a follower reports while it follows. */
export interface FollowReports {
  /** So many changelog records were applied, and so many offsets are left. */
  readonly applied?: (records: number, behind: number) => void
  /** The state was discarded, and is read again from the start. */
  readonly discarded?: (reason: string) => void
}

/** A restore, which nothing else in its task waits for. */
const UNPACED: Pacing = {
  batchBytes: RESTORE_BATCH_BYTES,
  pause: () => undefined,
  rest: async () => {},
}

/**
 * Keeps a state in step with its partition of a changelog. The local store is a cache. It is kept only if the changelog
 * still has the group that the store records as its last one, at the same offset. A log that lost its tail, or was compacted
 * past that point, has another group there or none.
 */
export class ChangelogFollower {
  readonly #log: Log
  readonly #state: TaskState
  readonly #changelog: Changelog
  readonly #partition: number
  readonly #pacing: Pacing

  constructor(log: Log, state: TaskState, changelog: Changelog, partition: number, pacing = UNPACED) {
    this.#log = log
    this.#state = state
    this.#changelog = changelog
    this.#partition = partition
    this.#pacing = pacing
  }

  /** Brings the state to the end of what the changelog holds now. Rejects with the signal's reason once that is aborted. */
  async catchUp({ to = 'all', progress = () => undefined, signal }: CatchUpOptions = {}): Promise<RestoreResult> {
    const { changelog } = this.#changelog
    const ends =
      to === 'all'
        ? await wholeLog(this.#log, changelog, this.#partition)
        : await this.#log.admin.offsets(changelog, this.#partition)
    // This also rejects a changelog that was cut while the job ran: the state of a task that moves, or is rebuilt, would
    // lack the removed records.
    requireWholeChangelog(this.#changelog, this.#partition, ends.start)
    const rebuilt = await this.#checkPosition(ends.end)
    if (rebuilt !== undefined) await this.#state.discard()
    if (this.#state.position.nextOffset >= ends.end) return { records: 0, rebuilt }
    const { records, whole, rebuilt: why } = await this.#apply(ends.end, rebuilt, progress, signal)
    // All that the task's former owners have committed is before the end, and a transaction is visible as a whole.
    if (to === 'all' && !whole) throw changelogEndCut(this.#changelog, this.#partition, ends.end)
    return { records, rebuilt: why }
  }

  /**
   * Continues from the state's position and applies each group soon after it is committed, until the signal is aborted; then
   * it resolves.
   */
  async follow(signal: AbortSignal, reports: FollowReports = {}): Promise<void> {
    try {
      await this.#apply(Number.POSITIVE_INFINITY, undefined, () => undefined, signal, reports)
    } catch (error) {
      if (error !== signal.reason) throw error
    }
  }

  async #apply(
    end: number,
    discarded: string | undefined,
    progress: (done: number, total: number) => void,
    signal: AbortSignal | undefined,
    { applied: moved = () => undefined, discarded: reset = () => undefined }: FollowReports = {},
  ): Promise<RestoreResult & Applied> {
    const { changelog } = this.#changelog
    const state = this.#state
    const reader = this.#log.openReader()
    let rebuilt = discarded
    try {
      for (;;) {
        const changes = await reader.assign(changelog, this.#partition, state.position.nextOffset)
        const wait = async () => {
          signal?.throwIfAborted()
          await this.#pacing.rest(signal)
          await reader.wait(RESTORE_WAIT_MS, signal)
          signal?.throwIfAborted()
        }
        const step = (done: number, total: number) => {
          progress(done, total)
          signal?.throwIfAborted()
        }
        const applied = await applyChanges(state, changes, end, {
          wait,
          progress: step,
          applied: moved,
          pacing: this.#pacing,
        })
        if (applied !== undefined) return { ...applied, rebuilt }
        // A restore from the start does not meet this unless it takes more than a day.
        if (state.position.nextOffset === 0 || rebuilt !== undefined) throw tombstonesGone(changelog, this.#partition)
        rebuilt = `compaction removed deletions from ${changelog}/${this.#partition} that the store had not read`
        changes.close()
        await state.discard()
        reset(rebuilt)
      }
    } finally {
      await reader.close()
    }
  }

  /** Returns what is wrong with the state's position, if anything. */
  async #checkPosition(end: number): Promise<string | undefined> {
    const { nextOffset, checksum } = this.#state.position
    if (nextOffset === 0) return undefined
    const { changelog } = this.#changelog
    const place = `${changelog}/${this.#partition}`
    if (end < nextOffset) return `the store reflects ${place} up to offset ${nextOffset}, but the log ends at ${end}`
    // The store's content was committed, so this look need not wait for open transactions of others.
    const reader = this.#log.openReader({ isolation: 'uncommitted' })
    try {
      const batch = (await reader.assign(changelog, this.#partition, nextOffset - 1)).poll()
      if (batch?.nextOffset === nextOffset && batch.recordsChecksum() === checksum) return undefined
      return `the commit before offset ${nextOffset} in ${place} is not the last one in the store`
    } finally {
      await reader.close()
    }
  }
}

interface Steps {
  readonly wait: () => Promise<void>
  readonly progress: (done: number, total: number) => void
  readonly applied: (records: number, behind: number) => void
  readonly pacing: Pacing
}

interface Applied {
  readonly records: number
  /** Whether no group is cut off at the end. What there is of such a group is not applied. */
  readonly whole: boolean
}

/**
 * Applies the whole groups of the changelog up to `end`, or without end. Returns undefined if the changelog lacks tombstones
 * for entries that the state may hold: the state must be discarded.
 */
async function applyChanges(
  state: TaskState,
  changes: PartitionReader,
  end: number,
  { wait, progress, applied, pacing }: Steps,
): Promise<Applied | undefined> {
  const start = changes.position
  // A state that begins empty never held what tombstones before this deleted.
  const compactedBefore = state.position.nextOffset === 0 ? changes.compactedBefore : 0
  const restorer = state.restorer()
  let records = 0
  let bytes = 0
  /** How many of the records are applied, or being applied. */
  let begun = 0
  /** Where everything that was added is whole groups. */
  let position: GroupPosition | undefined
  let applying: Promise<void> = Promise.resolve()
  // Begins to write what was added. The next run is read meanwhile.
  const apply = async () => {
    // In the middle of a group there is nothing that could be applied alone.
    if (position === undefined || !restorer.whole) return
    await applying
    const added = records - begun
    // Behind the last batch there may be offsets of markers, which the reader has passed.
    const behind = Math.max(0, changes.endOffset - changes.position)
    applying = restorer.apply(position).then(() => applied(added, behind))
    begun = records
    // The next wait for it throws its error.
    applying.catch(() => undefined)
    bytes = 0
    position = undefined
  }
  try {
    while (changes.position < end) {
      const batch = changes.poll()
      if (batch === undefined) {
        // Offsets of aborted transactions and of markers are passed without a batch.
        if (changes.position >= end) progress(end - start, end - start)
        else {
          await apply()
          await applying
          await wait()
        }
        continue
      }
      if (batch.tombstonesGone && batch.nextOffset > compactedBefore) return undefined
      restorer.beginBatch()
      while (batch.next()) {
        restorer.add(batch.bytes, batch.keyStart, batch.keyEnd, batch.valueStart, batch.valueEnd)
        bytes += Math.max(0, batch.keyEnd - batch.keyStart) + Math.max(0, batch.valueEnd - batch.valueStart)
        records++
      }
      if (restorer.whole) position = { nextOffset: batch.nextOffset, checksum: batch.recordsChecksum() }
      progress(Math.min(end, batch.nextOffset) - start, end - start)
      if (bytes >= pacing.batchBytes) await apply()
      const pause = pacing.pause()
      if (pause !== undefined) await pause
    }
    await apply()
    await applying
    return { records, whole: restorer.whole }
  } finally {
    // The caller may close or discard the state.
    await applying.catch(() => undefined)
  }
}

function tombstonesGone(topic: string, partition: number): FatalError {
  return new FatalError(
    'TOMBSTONES_GONE',
    `The state cannot be restored from ${topic}/${partition}: compaction removed deletions during the restore. The restore took ` +
      `more than 24 hours, or the partition's files are from different copies. Start again, or restore one copy of the data`,
    { topic, partition },
  )
}
