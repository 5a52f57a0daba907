import type { Observable } from 'rxjs'
import type { MillraceError } from '../errors/millrace-error.ts'
import type { Batch } from './batch.ts'
import type { JoinOptions, Membership } from './membership.ts'
import type { LogWriter, TransactionalWriter } from './writers.ts'

/**
 * A system that holds topics. All offsets are safe integers from 0; all times are ms since the epoch.
 *
 * Every implementation passes the conformance suite (`@millrace/core/conformance`). What a log cannot do it declares in
 * `capabilities`; a job that needs it is refused at its start.
 */
export interface Log {
  /** What kind it is: `file`, `memory`, `kafka`, `redis`. */
  readonly kind: string
  /** Where it is, for messages: a directory, a list of brokers. */
  readonly location: string
  readonly capabilities: LogCapabilities
  readonly admin: LogAdmin
  /**
   * Why partitions could not be compacted or shortened behind the appends of this log, as a live value: each error (code
   * `CLEANING_FAILED`) until the partition was cleaned. Empty if all is well. A log whose servers clean reports nothing.
   */
  readonly cleaningFailures: Observable<readonly MillraceError[]>
  /** Reads what is committed, unless asked otherwise. */
  openReader(options?: ReaderOptions): LogReader
  openWriter(): LogWriter
  /**
   * Opens the one writer of a transactional id: whoever had it before is fenced, and what that one left undecided is
   * aborted, before this resolves. Ids are names (`BAD_NAME`). Throws `UNSUPPORTED` without the capability `transactions`.
   */
  openTransactionalWriter(transactionalId: string): Promise<TransactionalWriter>
  /**
   * Claims a name (a job's) for this process alone, until released or until the process dies. Throws `JOB_RUNNING` with
   * the owner where another process holds it.
   */
  claim(name: string): Promise<Claim>
  /**
   * Joins the group of that name (a job's): its members share the tasks. Throws `UNSUPPORTED` without the capability
   * `membership`, `JOB_CHANGED` while others run something else under that name, and `JOB_RUNNING` while one has claimed it.
   */
  join(group: string, options: JoinOptions): Promise<Membership>
  /** Ends readers, writers and claims. What was appended and not flushed may be lost. */
  close(): Promise<void>
}

/**
 * `all`: any partitions of any topics become visible together. `same-slot`: those that the log keeps in one place. `none`: there are no
 * transactions.
 */
export type TransactionReach = 'all' | 'same-slot' | 'none'

export interface LogCapabilities {
  /** How far one transaction reaches. A job needs `all`, whatever its guarantee: its state moves with its input positions. */
  readonly transactions: TransactionReach
  /** Several processes share the tasks of a group. */
  readonly membership: boolean
}

/**
 * `committed`: records of transactions only once they are committed, in offset order, never past the first that is not
 * decided. `uncommitted`: every record that is in the log, also of transactions that are not decided or were aborted.
 */
export type Isolation = 'committed' | 'uncommitted'

export interface ReaderOptions {
  /** Default `committed`. */
  readonly isolation?: Isolation
}

export interface Claim {
  release(): Promise<void>
}

export type Cleanup = 'delete' | 'compact'

/** A topic's settings, with every default filled in. */
export interface TopicSettings {
  /** How many partitions; at least 1. Default 1. */
  readonly partitions: number
  /** `delete`: old segments go by retention. `compact`: the latest record of every key is kept. Default `delete`. */
  readonly cleanup: Cleanup
  /** Records older than this (by their timestamps, beside the clock) may be deleted; null keeps them. Default null. */
  readonly retentionMs: number | null
  /** A partition larger than this may lose its oldest segments; null keeps them. Default null. */
  readonly retentionBytes: number | null
  /** A segment that reached this size is closed and a new one begun. Default 256 MiB. */
  readonly segmentBytes: number
  /** The largest record (key, value and headers) that is accepted. Default 1 MiB. */
  readonly recordBytesMax: number
}

export interface TopicDescription extends TopicSettings {
  readonly name: string
  /** Another topic of the same name, made after this one was deleted, has another id. */
  readonly id: string
}

export interface PartitionOffsets {
  /** The offset of the first record that is still there. */
  readonly start: number
  /**
   * Where reading what is committed ends: the offset that the next record will get, or that of the first record whose
   * transaction is not decided yet.
   */
  readonly end: number
}

export interface LogAdmin {
  /** Throws `TOPIC_EXISTS`, `BAD_NAME`, `BAD_TOPIC_SETTINGS`. Durable when it returns. */
  createTopic(name: string, settings?: Partial<TopicSettings>): Promise<TopicDescription>
  /** Throws `TOPIC_MISSING`. Readers and writers of it fail with `TOPIC_MISSING` at their next call. */
  deleteTopic(name: string): Promise<void>
  /** Undefined where there is no such topic. */
  describeTopic(name: string): Promise<TopicDescription | undefined>
  /** All topics, by name. */
  listTopics(): Promise<TopicDescription[]>
  offsets(topic: string, partition: number): Promise<PartitionOffsets>
  /**
   * Throws `LOG_PARTS_DIFFER` where what the log holds of these topics does not fit together, as in a copy whose files are of
   * different moments: asked before a job uses them. A topic that is missing is no error, unless committed records of it are.
   */
  checkTopics(names: readonly string[]): Promise<void>
  /** The offset before which batches may have been rewritten by compaction; 0 where none ever is. */
  rewrittenBefore(topic: string, partition: number): Promise<number>
  /** The offset of the first record whose timestamp is at least `timestamp`; the end where there is none. */
  offsetAt(topic: string, partition: number, timestamp: number): Promise<number>
  /** Allows records before `offset` to be deleted; how many are, and when, is the log's choice. */
  purge(topic: string, partition: number, offset: number): Promise<void>
  /** Applies retention and compaction now to every partition of the topic; a log whose servers do so does nothing. */
  clean(topic: string): Promise<void>
  /** Bytes that the topic takes, all partitions together. */
  sizeBytes(topic: string): Promise<number>
}

export interface LogReader {
  /**
   * Starts reading a partition at `offset`. At most one partition reader of one `LogReader` for a partition at a time.
   * Throws `TOPIC_MISSING`.
   */
  assign(topic: string, partition: number, offset: number): Promise<PartitionReader>
  /**
   * Resolves when some assigned partition may have records past its position, when `timeoutMs` is over, or when
   * `signal` aborts; never rejects for the latter two. Takes no CPU while it waits, and wakes within a millisecond or
   * two of an append by any process on this machine.
   */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<void>
  close(): Promise<void>
}

export interface PartitionReader {
  readonly topic: string
  readonly partition: number
  /** Where the next poll reads: the `nextOffset` of the last batch, or where assign or seek put it. */
  readonly position: number
  /**
   * Where reading ends now, by the reader's isolation: looked up now where that is cheap, else as last heard of. Lag is
   * `endOffset - position`.
   */
  readonly endOffset: number
  /**
   * Up to which offset the partition has been compacted by now; 0 where it is not. Who begins to read at the partition's
   * start misses nothing that a tombstone before this offset has deleted, also when that is dropped: what it deleted is gone.
   */
  readonly compactedBefore: number
  /**
   * The next batch, or undefined where there is none now. Never waits for the network. Ends the life of the batch that
   * this reader gave before. A partition that is not polled is paused: what is fetched ahead is bounded.
   *
   * Throws `OFFSET_GONE` where the position is before the partition's start, `LOG_DAMAGED` for damage anywhere but at
   * the tail, `TOPIC_MISSING` when the topic was deleted. Records of a batch come in offset order; a batch whose
   * checksum fails is never given. Offsets of aborted transactions and of their markers are passed over: then `position`
   * moves without a batch.
   */
  poll(): Batch | undefined
  /**
   * Makes everything that was given so far as durable as the log is set to. Owed before an offset behind it is committed
   * to another place: a record may be read before its writer has made it durable.
   */
  secure(): Promise<void>
  seek(offset: number): void
  close(): void
}
