import type { Env, OpenFile } from '@millrace/core'
import { CompactionPolicy } from '../compaction-policy.ts'
import { EMPTY_OFFSETS_MAX, emptyBatch, filterBatch, withoutTransaction } from '../record-batch/filter-batch.ts'
import { RecordCursor } from '../record-batch/record-cursor.ts'
import { logDamaged, writeFailed } from './errors.ts'
import { isCommitted } from './is-committed.ts'
import type { PartitionFiles } from './partition-files.ts'
import { indexPath, segmentPath } from './paths.ts'
import { type ScannedBatch, scanBatches } from './scan.ts'
import { syncNames } from './sync.ts'
import { syncActive } from './sync-active.ts'
import { stableOffset, type Tail } from './tail.ts'
import { TransactionOutcomes } from './transactions/outcomes.ts'

/** Between so many batches others get their turn. */
const BATCHES_PER_TURN = 16

/**
 * Rewrites the closed segments of a partition so that each key's latest record among them stays, at its offset; a
 * tombstone goes too once it is old. Where whole batches go, an empty one stands for their offsets, as Kafka's cleaner
 * leaves them: a segment has no gaps, so that every reader can check each base offset. Small neighbours are merged. Appending and reading go on meanwhile.
 *
 * A compacted segment is written under another name, made durable, and renamed over the first of those it replaces;
 * then the others are removed. Nothing is done while the bytes that were never compacted are less than `dirtyRatioMin` of
 * those that were. A crash in between leaves segments whose records stand in the merged one as well: readers
 * pass over offsets that they have had, and the next compaction removes them.
 */
export async function compact(
  env: Env,
  files: PartitionFiles,
  segmentBytes: number,
  dirtyRatioMin: number,
): Promise<void> {
  const lock = files.files.open(`${files.directory}/cleaner`, 'write')
  try {
    await lock.lock()
    const tail = await files.settle()
    const { compactedBefore } = tail
    const closed = decidedSegments(files, tail)
    if (closed.every((base) => base < compactedBefore)) return
    const bytesOf = (bases: readonly number[]) =>
      bases.reduce((sum, base) => sum + (files.files.stat(segmentPath(files.directory, base))?.bytes ?? 0), 0)
    const clean = bytesOf(closed.filter((base) => base < compactedBefore))
    if (bytesOf(closed) - clean < dirtyRatioMin * clean) return
    const before = files.segments().find((base) => base > (closed.at(-1) ?? 0)) ?? tail.activeBase
    // What is rewritten tells of transactions no more: the markers that stand behind must not be lost.
    if (tail.synced.nextOffset < tail.nextOffset) await syncActive(files)
    const policy = await policyOf(env, files, closed, tail)
    const compactor = new Compactor(env, files, segmentBytes, policy, tail)
    try {
      await compactor.run(closed)
    } finally {
      compactor.close()
    }
    await setCompactedBefore(files, before)
  } finally {
    lock.close()
  }
}

/** The closed segments all of whose transactions are over: their markers stand before the tail. */
function decidedSegments(files: PartitionFiles, tail: Tail): number[] {
  const segments = files.segments().filter((base) => base <= tail.activeBase)
  return segments.slice(0, -1).filter((_, index) => (segments[index + 1] ?? 0) <= stableOffset(tail))
}

async function setCompactedBefore(files: PartitionFiles, compactedBefore: number): Promise<void> {
  await files.lock()
  try {
    files.writeTail({ ...(await files.currentTail()), compactedBefore })
  } finally {
    files.unlock()
  }
}

/** Which records of the closed segments stay. */
async function policyOf(
  env: Env,
  files: PartitionFiles,
  closed: readonly number[],
  tail: Tail,
): Promise<CompactionPolicy> {
  const policy = new CompactionPolicy(env.clock.now())
  const cursor = new RecordCursor(files.topic, files.partition)
  const outcomes = new TransactionOutcomes(files)
  try {
    let next = 0
    for (const base of closed) {
      // A compaction that was cut off left it: all of it stands in the segment before.
      if (base < next) continue
      await eachBatch(env, files, base, async (batch) => {
        next = batch.nextOffset
        if (!isCommitted(outcomes, files, base, batch, tail)) return
        cursor.open(batch.buffer, batch.at, 0)
        while (cursor.next()) policy.note(cursor)
      })
    }
  } finally {
    outcomes.close()
  }
  return policy
}

/** Calls for every batch of a closed segment, all of which must be whole. */
async function eachBatch(
  env: Env,
  files: PartitionFiles,
  base: number,
  each: (batch: ScannedBatch) => Promise<void>,
): Promise<void> {
  const file = files.openSegment(base, 'read')
  try {
    const size = file.size()
    let end = 0
    let count = 0
    for (const batch of scanBatches(file, 0, base, size)) {
      await each(batch)
      end = batch.position + batch.bytes
      count++
      if (count % BATCHES_PER_TURN === 0) await env.timers.turn()
    }
    if (end < size) throw logDamaged(file.path, end, 'the batch there is not whole', { topic: files.topic })
  } finally {
    file.close()
  }
}

class Compactor {
  readonly #env: Env
  readonly #files: PartitionFiles
  readonly #segmentBytes: number
  readonly #policy: CompactionPolicy
  readonly #tail: Tail
  readonly #outcomes: TransactionOutcomes
  /** The segment that is being read. */
  #source = 0
  /** The segments that the one being written replaces. */
  #sources: number[] = []
  #output: OpenFile | undefined
  #bytes = 0
  /** The offset after the last batch that was copied. */
  #nextOffset = 0
  /** Where a run of offsets began of which nothing stays. */
  #emptyFrom: number | undefined

  constructor(env: Env, files: PartitionFiles, segmentBytes: number, policy: CompactionPolicy, tail: Tail) {
    this.#env = env
    this.#files = files
    this.#segmentBytes = segmentBytes
    this.#policy = policy
    this.#tail = tail
    this.#outcomes = new TransactionOutcomes(files)
  }

  async run(closed: readonly number[]): Promise<void> {
    for (const base of closed) {
      if (base < this.#nextOffset) {
        // A compaction that was cut off left it: all of it stands in the segment before.
        await this.#remove(base)
        continue
      }
      this.#sources.push(base)
      this.#source = base
      await eachBatch(this.#env, this.#files, base, async (batch) => this.#copy(batch))
      if (this.#bytes >= this.#segmentBytes) await this.#finish()
    }
    if (this.#sources.length > 0) await this.#finish()
  }

  /** Lets go of an output that was not finished. */
  close(): void {
    this.#outcomes.close()
    this.#output?.close()
    this.#output = undefined
  }

  #copy(batch: ScannedBatch): void {
    const kept = isCommitted(this.#outcomes, this.#files, this.#source, batch, this.#tail)
      ? filterBatch(batch.buffer, batch.at, batch.bytes, (record) => this.#policy.keeps(record))
      : undefined
    this.#nextOffset = batch.nextOffset
    if (kept === undefined) {
      this.#emptyFrom ??= batch.baseOffset
      return
    }
    this.#fillGap(batch.baseOffset)
    // Its transaction is over: without the bit nobody looks for a marker, and markers need not be kept.
    this.#write(withoutTransaction(kept))
  }

  /** Lets empty batches stand for the offsets since `#emptyFrom`. */
  #fillGap(before: number): void {
    if (this.#emptyFrom === undefined) return
    for (let from = this.#emptyFrom; from < before; from += EMPTY_OFFSETS_MAX) {
      this.#write(emptyBatch(from, Math.min(before, from + EMPTY_OFFSETS_MAX)))
    }
    this.#emptyFrom = undefined
  }

  #write(batch: Buffer): void {
    const output = this.#open()
    try {
      output.write(batch, 0, batch.length, this.#bytes)
    } catch (error) {
      throw writeFailed(output.path, error, { topic: this.#files.topic })
    }
    this.#bytes += batch.length
  }

  #open(): OpenFile {
    if (this.#output === undefined) {
      this.#output = this.#files.files.open(`${this.#files.directory}/compacting`, 'write')
      this.#output.truncate(0)
    }
    return this.#output
  }

  async #finish(): Promise<void> {
    const { files, directory } = this.#files
    const [first = 0, ...others] = this.#sources
    this.#fillGap(this.#nextOffset)
    const output = this.#open()
    // Where this fails the output is thrown away, and the log is as it was.
    await output.sync()
    this.close()
    // An index of what was there would point into the middle of other batches.
    for (const base of this.#sources) files.remove(indexPath(directory, base))
    files.rename(output.path, segmentPath(directory, first))
    await syncNames(files, directory)
    for (const base of others) await this.#remove(base)
    this.#sources = []
    this.#bytes = 0
  }

  /** Durably, one after the other: were one of the midst left by a power cut, what it goes on with would be missing. */
  async #remove(base: number): Promise<void> {
    const { files, directory } = this.#files
    files.remove(indexPath(directory, base))
    files.remove(segmentPath(directory, base))
    await syncNames(files, directory)
  }
}
