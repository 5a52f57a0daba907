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
  /** Among the records before this offset, each key is there once. */
  readonly from: number
  /** The latest offset of each key, among the records from there up to this offset. */
  readonly keys: KeyOffsets
  readonly until: number
  readonly tail: Tail
  readonly slices: Slices
}

/** Offsets of which no record stays, from `from` up to the next batch. */
interface Gap {
  readonly from: number
  readonly tombstonesGone: boolean
}

/**
 * Rewrites closed segments without superseded records. If whole batches are dropped, an empty one takes their offsets, as
 * Kafka's cleaner does it: a segment has no gaps, so that every reader can check each base offset. Small neighbours are
 * merged.
 *
 * A compacted segment is written under another name, made durable, and renamed over the first of the segments that it
 * replaces; then the others are removed. A crash in between leaves segments whose records are in the merged one as well:
 * readers skip offsets that they have already read, and the next compaction removes the segments. Segments are replaced in
 * the order of their offsets, so that the records that a tombstone deletes are removed before the tombstone's time begins.
 */
export class Compactor {
  readonly #spec: CompactorSpec
  readonly #outcomes: TransactionOutcomes
  readonly #cursor: RecordCursor
  /** The segment that is being read. */
  #source = 0
  /** The segments that the output replaces. */
  #sources: number[] = []
  #output: OpenFile | undefined
  #bytes = 0
  /** The offset after the last batch that was copied. */
  #nextOffset = 0
  #gap: Gap | undefined
  /** For each record of a batch, 1 if a later one of its key is in the range that is compacted. */
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
        // A compaction that was cut off left this segment: all of it is in the segment before.
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

  /** Drops an output that was not finished. */
  close(): void {
    this.#outcomes.close()
    const output = this.#output
    this.#output = undefined
    if (output === undefined) return
    try {
      output.close()
      // The next compaction would overwrite it; until then it takes space.
      this.#spec.files.files.remove(output.path)
    } catch {
      // The error to report is why it was not finished.
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

  /** Looks up the keys of a batch, slice by slice: what follows only copies. */
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
    // A gap has one mark for all its offsets, whether tombstones are gone, so a batch with another mark starts a new gap.
    if (kept !== undefined || this.#gap?.tombstonesGone !== tombstonesGone) this.#fillGap(baseOffset)
    // The batch's transaction is over: without the transaction bit no reader looks for a marker, and markers need not be
    // kept.
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
    const { slices } = this.#spec
    const { files, directory } = this.#spec.files
    const [first = 0, ...others] = this.#sources
    this.#fillGap(this.#nextOffset)
    const output = this.#open()
    // If this fails, the output is dropped, and the log is unchanged.
    slices.check()
    await output.sync()
    output.close()
    this.#output = undefined
    this.#outcomes.reset()
    // An index of the replaced segments would point into the middle of other batches.
    for (const base of this.#sources) files.remove(indexPath(directory, base))
    files.rename(output.path, segmentPath(directory, first))
    await this.#syncNames()
    for (const base of others) await this.#remove(base)
    this.#sources = []
    this.#bytes = 0
  }

  /** Durably, one after the other: if a power cut left one from the middle, the segment that continues it would be missing. */
  async #remove(base: number): Promise<void> {
    const { files, directory } = this.#spec.files
    files.remove(indexPath(directory, base))
    files.remove(segmentPath(directory, base))
    await this.#syncNames()
  }

  /** Not after the cleaning was cut off: another sync of the directory may have failed. */
  async #syncNames(): Promise<void> {
    const { files, slices } = this.#spec
    slices.check()
    await syncNames(files.files, files.directory)
  }
}
