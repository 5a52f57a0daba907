import type { Headers } from '../headers.ts'

/**
 * Some consecutive records of one partition, read in place: a cursor, so that no object is made per record.
 *
 * `next()` moves to the next record and fills the fields. The bytes are valid until the reader that gave the batch is
 * polled again for the same partition; whoever keeps a key or a value copies or decodes it.
 */
export interface Batch {
  readonly topic: string
  readonly partition: number
  /** The first record's offset that the batch may still yield. */
  readonly baseOffset: number
  /** The offset after the last record: where reading goes on. Compaction leaves gaps: not always the last record's + 1. */
  readonly nextOffset: number
  /**
   * Compaction has dropped tombstones among the batch's offsets: who holds records from before the batch, of a time when
   * what they deleted was still there, has missed deletions.
   */
  readonly tombstonesGone: boolean
  /**
   * A checksum of the batch's records, whatever its header says; for a group's (last) batch, the `checksum` of its
   * `GroupPosition`. Computed when asked for.
   */
  recordsChecksum(): number

  /**
   * The checksum in the batch's header, which names the batch: another one in its place has another. Compaction changes it
   * (`LogAdmin.rewrittenBefore`).
   */
  readonly checksum: number

  /** Moves to the next record; false when there is none, and then the fields below are without meaning. */
  next(): boolean

  readonly offset: number
  /** Event time, ms since the epoch. */
  readonly timestamp: number
  readonly bytes: Buffer
  /** Where the key stands in `bytes`; `keyStart` is -1 for a record without a key. */
  readonly keyStart: number
  readonly keyEnd: number
  /** Where the value stands in `bytes`; `valueStart` is -1 for a record without a value (a tombstone). */
  readonly valueStart: number
  readonly valueEnd: number

  /** The current record's headers, decoded; the empty list where there are none. */
  headers(): Headers
  /** Finds the current record's first header of that name: fills `headerStart` and `headerEnd`, or returns false. */
  findHeader(name: string): boolean
  readonly headerStart: number
  readonly headerEnd: number
}
