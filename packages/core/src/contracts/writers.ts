import type { Headers } from '../headers.ts'
import type { Serde } from './serde.ts'

export interface LogWriter {
  /** Throws `TOPIC_MISSING`. The same object for the same partition. */
  openPartition(topic: string, partition: number): Promise<PartitionWriter>
  /**
   * Sends everything appended before the call on its way now, and does not wait: readers see it soon, with no flush. Says nothing
   * about durability; what goes wrong is thrown here or by the next call.
   */
  send(): void
  /**
   * Resolves when everything appended before the call is in the log, as durably as the log is set to. After it
   * rejected, the writer is done for: what it holds may or may not be in the log; open another.
   */
  flush(): Promise<void>
  /** More waits to be sent than the writer's bound: call `flush` before the next `append`. */
  readonly backlogged: boolean
  /** Lets go of what was not flushed. Every call after it fails, those of its partitions too. */
  close(): Promise<void>
}

/**
 * The place where records of one partition are appended, in the order of the calls.
 *
 * What is appended between `mark` and `rewind` is taken back: it never reaches the log, whoever looks and however much it
 * is. A stretch that was marked ends with `release` or `rewind` before the caller gives way to others: in between, only
 * `append` may be called on any partition of the same writer, and nothing may be awaited.
 */
export interface PartitionWriter extends RecordAppender {
  readonly topic: string
  readonly partition: number
  /** The offset after the last record of this writer that is known to be in the log; -1 before the first flush. */
  readonly nextOffset: number
  /** Begins a stretch: what is appended from here on waits in memory. Throws if a stretch is open. */
  mark(): void
  /** Ends the stretch and keeps what was appended since its begin, as if there had been no stretch. */
  release(): void
  /** Ends the stretch and takes back what was appended since its begin; what was appended before stays. */
  rewind(): void
}

export interface RecordAppender {
  /**
   * Appends one record; the bytes are copied before it returns. `key` is `keyBytes[keyStart, keyEnd)`, or none where
   * `keyBytes` is null. `value` is written by `serde`; null writes none (a tombstone).
   *
   * Throws `RECORD_TOO_LARGE` (and leaves the record out), `BAD_TIMESTAMP` for one that is no safe integer or negative,
   * and what the serde throws (the record is left out).
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

/** Records of one partition that become visible all together or not at all, however many they are. */
export interface RecordGroup extends RecordAppender {
  /** Bytes appended since the last commit. */
  readonly bytes: number
  /** Empties the group: what was appended since the last commit is forgotten. */
  discard(): void
}

/**
 * A writer all of whose records belong to transactions, one after the other: what is appended between two commits, to any
 * number of partitions, becomes visible together or never does. A transaction begins with its first record.
 *
 * One owner: when another opened the same id, or gave this one up for dead, every call here fails with `WRITER_FENCED`,
 * and nothing of this one's is or will be visible that was not committed before. After any failure of `flush` or `commit`
 * the writer is done for; a commit that failed may or may not have happened: the log knows.
 */
export interface TransactionalWriter {
  readonly transactionalId: string
  /** Throws `TOPIC_MISSING`. The same object for the same partition. */
  openPartition(topic: string, partition: number): Promise<PartitionWriter>
  /** A new group for every call: several may be for one partition. Throws `TOPIC_MISSING`. */
  openGroup(topic: string, partition: number): Promise<RecordGroup>
  /** Resolves when what was appended before the call takes memory no more. It says nothing about durability. */
  flush(): Promise<void>
  /** More waits to be sent than the writer's bound: call `flush` before the next `append`. */
  readonly backlogged: boolean
  /**
   * Ends the transaction: everything appended before the call, and the content of these groups, becomes visible together,
   * durably. Resolves when that is so, with where each group stands; an empty group is refused. Records appended after
   * the call belong to the next transaction, and may be appended while this one is on its way; one commit at a time. It is
   * decided only after `ready` has resolved, and never where that rejects.
   */
  commit(groups: readonly RecordGroup[], ready?: Promise<unknown>): Promise<readonly GroupPosition[]>
  /** Gives up everything that was appended and not committed: it never becomes visible. Groups keep their content. */
  abort(): Promise<void>
  /**
   * Aborts what is not committed, and gives the id free. For one that was fenced others have done both: no error. Every call
   * after it fails.
   */
  close(): Promise<void>
}

/** Names a committed group; what a store records to know which prefix of its changelog it equals. */
export interface GroupPosition {
  /** The offset after the group's last record. */
  readonly nextOffset: number
  /**
   * A checksum of the group's records: another group at the same offset has another. It is the `recordsChecksum` of the
   * batch that the group ends with.
   */
  readonly checksum: number
}
