import type { Env, OpenFile } from '@millrace/core'
import { type CompactedBatch, compactBatch } from '../../compaction-policy.ts'
import { recordCount } from '../../record-batch/batch-header.ts'
import { withTombstonesGone } from '../../record-batch/delete-horizon.ts'
import { EMPTY_OFFSETS_MAX, emptyBatch, withoutTransaction } from '../../record-batch/filter-batch.ts'
import { RecordCursor } from '../../record-batch/record-cursor.ts'
import { writeFailed } from '../errors.ts'
import { isCommitted } from '../partition/is-committed.ts'
import type { PartitionFiles } from '../partition/partition-files.ts'
import type { ScannedBatch } from '../partition/scan.ts'
import type { Tail } from '../partition/tail.ts'
import { indexPath, segmentPath } from '../paths.ts'
import { syncNames } from '../sync.ts'
import { TransactionOutcomes } from '../transactions/outcomes.ts'
import { eachClosedBatch } from './each-closed-batch.ts'
import type { KeyOffsets } from './key-offsets.ts'
import type { Slices } from './slices.ts'

export interface CompactorSpec {
  readonly env: Env
  readonly files: PartitionFiles
  /** An output that reached this size is closed. */
  readonly segmentBytes: number
  /** Of the records before this each key stands once. */
  readonly from: number
  /** Of the records from there up to this: the latest offset of each key. */
  readonly keys: KeyOffsets
  readonly until: number
  readonly tail: Tail
  readonly slices: Slices
}

/** Offsets of which nothing stays, from `from` up to what comes next. */
interface Gap {
  readonly from: number
  readonly tombstonesGone: boolean
}

/**
 * Rewrites closed segments without what is superseded. Where whole batches go, an empty one stands for their offsets, as
 * Kafka's cleaner leaves them: a segment has no gaps, so that every reader can check each base offset. Small neighbours are
 * merged.
 *
 * A compacted segment is written under another name, made durable, and renamed over the first of those it replaces;
 * then the others are removed. A crash in between leaves segments whose records stand in the merged one as well: readers
 * pass over offsets that they have had, and the next compaction removes them. Segments are replaced in the order of their
 * offsets, so that what a tombstone deletes is gone before the tombstone's time begins.
 */
export class Compactor {
  readonly #spec: CompactorSpec
  readonly #outcomes: TransactionOutcomes
  readonly #cursor: RecordCursor
  /** The segment that is being read. */
  #source = 0
  /** The segments that the one being written replaces. */
  #sources: number[] = []
  #output: OpenFile | undefined
  #bytes = 0
  /** The offset after the last batch that was copied. */
  #nextOffset = 0
  #gap: Gap | undefined
  /** For each record of a batch, 1 if a later one of its key stands in what is compacted. */
  #superseded = new Uint8Array(0)

  constructor(spec: CompactorSpec) {
    this.#spec = spec
    this.#outcomes = new TransactionOutcomes(spec.files)
    this.#cursor = new RecordCursor(spec.files.topic, spec.files.partition)
  }

  async run(closed: readonly number[]): Promise<void> {
    const { files, segmentBytes, slices } = this.#spec
    for (const base of closed) {
      if (base < this.#nextOffset) {
        // A compaction that was cut off left it: all of it stands in the segment before.
        await this.#remove(base)
        continue
      }
      this.#sources.push(base)
      this.#source = base
      await eachClosedBatch(files, base, slices, (batch) => this.#copy(batch))
      if (this.#bytes >= segmentBytes) await this.#finish()
    }
    if (this.#sources.length > 0) await this.#finish()
  }

  /** Gives up an output that was not finished. */
  close(): void {
    this.#outcomes.close()
    const output = this.#output
    this.#output = undefined
    if (output === undefined) return
    try {
      output.close()
      // The next compaction would write over it; until then it takes room.
      this.#spec.files.files.remove(output.path)
    } catch {
      // Why it was not finished is what is reported.
    }
  }

  async #copy(batch: ScannedBatch): Promise<true> {
    const { files, tail, env, from, until } = this.#spec
    const { buffer, at, bytes, baseOffset, nextOffset } = batch
    if (isCommitted(this.#outcomes, files, this.#source, batch, tail)) {
      await this.#lookUp(batch)
      let record = 0
      const compacted = compactBatch(buffer, at, bytes, {
        superseded: () => this.#superseded[record++] === 1,
        nowMs: env.clock.now(),
        compactedBefore: from,
        compactedUntil: until,
      })
      this.#put(compacted, baseOffset)
    } else {
      this.#put({ kept: undefined, tombstonesGone: false }, baseOffset)
    }
    this.#nextOffset = nextOffset
    return true
  }

  /** Looks the keys of a batch up, slice by slice: what follows is no more than copying. */
  async #lookUp({ buffer, at }: ScannedBatch): Promise<void> {
    const { keys, slices } = this.#spec
    const count = recordCount(buffer, at)
    if (count > this.#superseded.length) this.#superseded = new Uint8Array(count)
    const cursor = this.#cursor
    cursor.open(buffer, at, 0)
    let record = 0
    while (cursor.next()) {
      if (cursor.keyStart < 0) continue
      const latest = keys.latest(cursor.bytes, cursor.keyStart, cursor.keyEnd)
      this.#superseded[record++] = latest > cursor.offset ? 1 : 0
      if (slices.overAfterStep()) await slices.next()
    }
  }

  #put({ kept, tombstonesGone }: CompactedBatch, baseOffset: number): void {
    // A gap says of all its offsets whether tombstones are gone: it must not say so of more.
    if (kept !== undefined || this.#gap?.tombstonesGone !== tombstonesGone) this.#fillGap(baseOffset)
    // Its transaction is over: without the bit nobody looks for a marker, and markers need not be kept.
    if (kept !== undefined) this.#write(withoutTransaction(kept))
    else this.#gap ??= { from: baseOffset, tombstonesGone }
  }

  /** Writes empty batches for the offsets of the gap. */
  #fillGap(before: number): void {
    const gap = this.#gap
    if (gap === undefined) return
    for (let { from } = gap; from < before; from += EMPTY_OFFSETS_MAX) {
      const batch = emptyBatch(from, Math.min(before, from + EMPTY_OFFSETS_MAX))
      this.#write(gap.tombstonesGone ? withTombstonesGone(batch) : batch)
    }
    this.#gap = undefined
  }

  #write(batch: Buffer): void {
    const output = this.#open()
    try {
      output.write(batch, 0, batch.length, this.#bytes)
    } catch (error) {
      throw writeFailed(output.path, error, { topic: this.#spec.files.topic })
    }
    this.#bytes += batch.length
  }

  #open(): OpenFile {
    if (this.#output === undefined) {
      const { files } = this.#spec
      this.#output = files.files.open(`${files.directory}/compacting`, 'write')
      this.#output.truncate(0)
    }
    return this.#output
  }

  async #finish(): Promise<void> {
    const { files, directory } = this.#spec.files
    const [first = 0, ...others] = this.#sources
    this.#fillGap(this.#nextOffset)
    const output = this.#open()
    // Where this fails the output is thrown away, and the log is as it was.
    await output.sync()
    output.close()
    this.#output = undefined
    this.#outcomes.reset()
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
    const { files, directory } = this.#spec.files
    files.remove(indexPath(directory, base))
    files.remove(segmentPath(directory, base))
    await syncNames(files, directory)
  }
}
