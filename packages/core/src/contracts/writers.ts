import type { Headers } from '../headers.ts'
import type { Serde } from './serde.ts'

/** Appends records to partitions of any topics, outside of transactions. */
export interface LogWriter {
  /** Throws `TOPIC_MISSING`. The same object for the same partition. */
  openPartition(topic: string, partition: number): Promise<PartitionWriter>
  /**
   * Sends everything appended before the call now, and does not wait. Readers see it soon, without a flush. It promises
   * nothing about durability. Errors are thrown here or by the next call.
   */
  send(): void
  /**
   * Resolves when everything appended before the call is in the log, as durably as the log is set to. After it rejects, the
   * writer is unusable: what it holds may or may not be in the log. Open another writer.
   */
  flush(): Promise<void>
  /** Whether more waits to be sent than the writer's bound: then call `flush` before the next `append`. */
  readonly backlogged: boolean
  /** Discards what was not flushed. Every later call fails, also on its partitions. */
  close(): Promise<void>
}

/**
 * The place where records of one partition are appended, in the order of the calls.
 *
 * What is appended between `mark` and `rewind` is taken back: it never reaches the log, whichever process reads and however
 * much it is. A marked stretch must end, with `release` or `rewind`, before the caller yields to other code. In between, the
 * caller may call only `append`, on any partition of the same writer, and must not await anything.
 */
export interface PartitionWriter extends RecordAppender {
  readonly topic: string
  readonly partition: number
  /** The offset after the last record of this writer that is known to be in the log; -1 before the first flush. */
  readonly nextOffset: number
  /** Begins a stretch: what is appended from here on waits in memory. Throws if a stretch is open. */
  mark(): void
  /** Ends the stretch and keeps what was appended since it began, as if there had been no stretch. */
  release(): void
  /** Ends the stretch and takes back what was appended since it began; what was appended before stays. */
  rewind(): void
}

/** Where records can be appended: a partition, or a group. */
export interface RecordAppender {
  /**
   * Appends one record; the bytes are copied before it returns. `key` is `keyBytes[keyStart, keyEnd)`, or none if `keyBytes`
   * is null. `value` is written by `serde`; null writes none (a tombstone).
   *
   * Throws `RECORD_TOO_LARGE` (and leaves the record out), `BAD_TIMESTAMP` for a timestamp that is negative, not a whole
   * number, or later than the log can store, and what the serde throws (the record is left out).
   */
  append<V>(
    timestamp: number,
    keyBytes: Buffer | null,
    keyStart: number,
    keyEnd: number,
    value: V | null,
    serde: Serde<V>,
    headers: Headers,
  ): void
}

/**
 * Records of one partition that become visible together or not at all, however many they are. The log writes them as a run of
 * batches, one after the other, each of at most `LogCapabilities.groupBatchBytesMax`, or of one record that is larger. Batches
 * of other writers may come between them.
 *
 * A reader gets a run as whole as its transaction, but not at one moment: it may have to wait, in the middle of a run, for
 * another transaction that has records there. A caller whose readers may not act on a part of a run ends its batches itself:
 * with a record that states that more follows, appended while `room` is left for it, and `endBatch`; and the last batch with a
 * record that closes the run.
 */
export interface RecordGroup extends RecordAppender {
  /** Bytes appended since the last commit. */
  readonly bytes: number
  /** How many bytes of key and value the next record may have and surely be in the same batch. Negative if the batch is full. */
  readonly room: number
  /** Ends the batch: the next record begins another one. Nothing happens if the batch has no records. */
  endBatch(): void
  /** Empties the group: discards what was appended since the last commit. */
  discard(): void
}

/**
 * A writer whose records all belong to transactions, one after the other: what is appended between two commits, to any number
 * of partitions, becomes visible together or never does. A transaction begins with its first record.
 *
 * It has one owner. When another writer opens the same id, or this one is taken for dead, every call here fails with
 * `WRITER_FENCED`, and nothing of this writer is or will be visible that was not committed before. After any failure of
 * `flush` or `commit` the writer is unusable. A failed commit may or may not have happened: only the log shows which.
 */
export interface TransactionalWriter {
  readonly transactionalId: string
  /** Throws `TOPIC_MISSING`. The same object for the same partition. */
  openPartition(topic: string, partition: number): Promise<PartitionWriter>
  /** A new group for every call; one partition may have several. Throws `TOPIC_MISSING`. */
  openGroup(topic: string, partition: number): Promise<RecordGroup>
  /**
   * Resolves when what was appended before the call no longer takes memory. It promises nothing about durability. Resolves
   * with what the caller must do next.
   */
  flush(): Promise<AfterFlush>
  /**
   * Whether the writer needs a `flush` before the next `append`: more waits to be sent than its bound, or the transaction has
   * come near to a limit of the log.
   */
  readonly backlogged: boolean
  /**
   * Ends the transaction: everything appended before the call, and the content of these groups, becomes visible together,
   * durably. Resolves when that is so, with the position of each group. An empty group is rejected. Records appended after
   * the call belong to the next transaction, and may be appended while this one is on its way. One commit at a time. The
   * transaction is decided only after `ready` has resolved, and never if `ready` rejects.
   */
  commit(groups: readonly RecordGroup[], ready?: Promise<unknown>): Promise<readonly GroupPosition[]>
  /** Discards everything that was appended and not committed: it never becomes visible. Groups keep their content. */
  abort(): Promise<void>
  /**
   * Aborts what is not committed, and releases the id. If the writer was fenced, others have done both: this is not an error.
   * Every later call fails.
   */
  close(): Promise<void>
}

/**
 * `continue`: the transaction may grow. `commit`: the caller must commit before it appends more, because the log would end the
 * transaction soon: it is near the log's limit of time, or of size.
 */
export type AfterFlush = 'continue' | 'commit'

/** Identifies a committed group. A store records it to know which prefix of its changelog it equals. */
export interface GroupPosition {
  /** The offset after the group's last record. */
  readonly nextOffset: number
  /**
   * A checksum of the group's records: another group at the same offset has another checksum. It is the `recordsChecksum` of
   * the batch that the group ends with.
   */
  readonly checksum: number
}
