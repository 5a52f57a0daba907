import type { Headers } from '../headers.ts'

/**
 * Some consecutive records of one partition, read in place: a cursor, so that no object is made per record.
 *
 * `next()` moves to the next record and fills the fields. The bytes are valid until the reader that returned the batch is
 * polled again for the same partition. A caller that keeps a key or a value copies or decodes it.
 */
export interface Batch {
  readonly topic: string
  readonly partition: number
  /** The offset of the first record that the batch may still yield. */
  readonly baseOffset: number
  /** The offset after the last record, where reading continues. Compaction leaves gaps, so it is not always the last record's + 1. */
  readonly nextOffset: number
  /**
   * Compaction has dropped tombstones among the batch's offsets. A reader that holds records from before the batch, read
   * while what these tombstones deleted was still there, has missed deletions.
   */
  readonly tombstonesGone: boolean
  /**
   * A checksum of the batch's records, whatever its header contains. For a group's (last) batch it is the `checksum` of the
   * group's `GroupPosition`. Computed when it is read.
   */
  recordsChecksum(): number

  /**
   * The checksum in the batch's header. It identifies the batch: another batch in its place has another checksum. Compaction
   * changes it (`LogAdmin.rewrittenBefore`).
   */
  readonly checksum: number

  /** Moves to the next record. Returns false when there is no next record: then the fields below have no meaning. */
  next(): boolean

  readonly offset: number
  /** Event time, ms since the epoch. */
  readonly timestamp: number
  readonly bytes: Buffer
  /** Where the key is in `bytes`; `keyStart` is -1 for a record without a key. */
  readonly keyStart: number
  readonly keyEnd: number
  /** Where the value is in `bytes`; `valueStart` is -1 for a record without a value (a tombstone). */
  readonly valueStart: number
  readonly valueEnd: number

  /**
   * The current record's value as text, which it must have. Throws if it is not UTF-8. The text may share the memory of other
   * values' texts: a caller that keeps a part of it keeps all of them.
   */
  valueText(): string

  /** The current record's headers, decoded; an empty list if it has none. */
  headers(): Headers
  /** Finds the current record's first header of that name: fills `headerStart` and `headerEnd`, or returns false. */
  findHeader(name: string): boolean
  readonly headerStart: number
  readonly headerEnd: number
}
