import type { Observable } from 'rxjs'
import type { MillraceError } from '../errors/millrace-error.ts'
import type { Batch } from './batch.ts'
import type { Clock } from './env.ts'
import type { JoinOptions, Membership } from './membership.ts'
import type { LogWriter, TransactionalWriter } from './writers.ts'

/**
 * A system that holds topics. All offsets are safe integers from 0; all times are ms since the epoch.
 *
 * Every implementation passes the conformance suite (`@millrace/core/conformance`). A log declares in `capabilities` what it
 * cannot do. A job that needs it is rejected at its start.
 */
export interface Log {
  /** What kind it is: `file`, `memory`, `kafka`, `redis`. */
  readonly kind: string
  /** Where it is, for messages: a directory, a list of brokers. */
  readonly location: string
  /** What the log can do. */
  readonly capabilities: LogCapabilities
  /** The clock that the log goes by: its retention, and the time of records that a program appends without a time. */
  readonly clock: Clock
  /** Creates, deletes and describes topics. */
  readonly admin: LogAdmin
  /**
   * Why partitions could not be compacted or shortened behind the appends of this log, as a live value. Each error (code
   * `CLEANING_FAILED`) stays until its partition is cleaned. Empty if all is well. A log whose servers clean reports nothing.
   */
  readonly cleaningFailures: Observable<readonly MillraceError[]>
  /** Copies topics as they are at one moment; missing if the log cannot: then a job on it has no savepoints. */
  readonly copies?: TopicCopies
  /**
   * Begins to give a topic another number of partitions; missing if the log cannot. Throws `TOPIC_MISSING`, `BAD_TOPIC_SETTINGS`,
   * `TOPIC_RESCALED` while another process rescales the topic, and `LOG_FULL` if the disk has no room for a copy of it.
   */
  rescale?(topic: string, partitions: number): Promise<Rescaling>
  /** By default the reader returns only what is committed. */
  openReader(options?: ReaderOptions): LogReader
  /** Opens a writer of single records, outside of transactions. Any number of writers may append to a partition. */
  openWriter(options?: WriterOptions): LogWriter
  /**
   * Opens the only writer of a transactional id. Before this resolves, the id's former writer is fenced, and what it left
   * undecided is aborted. Ids are names (`BAD_NAME`). Throws `UNSUPPORTED` without the capability `transactions`.
   */
  openTransactionalWriter(transactionalId: string): Promise<TransactionalWriter>
  /**
   * Claims a name (a job's) for this process alone, until the claim is released or the process dies. Throws `JOB_RUNNING`
   * with the owner if another process holds the name.
   *
   * A log that cannot see whether a process is dead may end a claim with a lease instead: when the process has shown no sign
   * of life for the time of the lease, though it may only be stopped. Then two processes can hold the name at once, and the
   * first one is not notified. So a claim decides which process begins, and fences none: a caller that must not write beside
   * another process writes with a transactional id that follows from the name, since the second process fences it by opening
   * that id. The runtime does so: a container alone writes with `<job>.only`. If its claim was lost, its next commit is fenced,
   * it claims the name again, and ends with `JOB_RUNNING`. Appends outside of transactions are not protected then.
   */
  claim(name: string): Promise<Claim>
  /**
   * Joins the group of that name (a job's). Its members share the tasks. Throws `UNSUPPORTED` without the capability
   * `membership`, `JOB_CHANGED` while other members run something else under that name (see `JoinOptions.upgrade`), and
   * `JOB_RUNNING` while a process has claimed the name.
   */
  join(group: string, options: JoinOptions): Promise<Membership>
  /** Ends readers, writers and claims. Records that were appended and not flushed may be lost. */
  close(): Promise<void>
}

/**
 * `all`: any partitions of any topics become visible together. `same-slot`: those that the log keeps in one place. `none`:
 * the log has no transactions.
 */
export type TransactionReach = 'all' | 'same-slot' | 'none'

/** What a log can do: a job that needs more is rejected at its start. */
export interface LogCapabilities {
  /** Which partitions one transaction can span. A job needs `all`, whatever its guarantee: its state moves with its input positions. */
  readonly transactions: TransactionReach
  /** Several processes share the tasks of a group. */
  readonly membership: boolean
  /** Whether all processes that use the log run on one machine: the containers of a job then share its state directory. */
  readonly local: boolean
  /** The largest batch of a group (`RecordGroup`), bytes. A larger record is alone in its batch, if the log takes it. */
  readonly groupBatchBytesMax: number
}

/**
 * `committed`: a reader gets records of transactions only once they are committed, in offset order, and never past the first
 * undecided record. `uncommitted`: a reader gets every record in the log, also records of undecided and aborted transactions.
 */
export type Isolation = 'committed' | 'uncommitted'

/** The options of `Log.openWriter`. */
export interface WriterOptions {
  /**
   * Whether the writer may use the last room of the disk, which is left to the commits of jobs: other writers fail with
   * `LOG_FULL` before the disk is full. For a job's own outputs. Default false. A log on other machines ignores it.
   */
  readonly usesReserve?: boolean
}

/** The options of `Log.openReader`. */
export interface ReaderOptions {
  /** Default `committed`. */
  readonly isolation?: Isolation
}

/** A name that this process alone has: see `Log.claim`. */
export interface Claim {
  /** Gives up the name. A second call does nothing. */
  release(): Promise<void>
}

/** How a topic gets rid of old records: see `TopicSettings.cleanup`. */
export type Cleanup = 'delete' | 'compact'

/** A topic's settings, with every default filled in. */
export interface TopicSettings {
  /** How many partitions; at least 1. Default 1. */
  readonly partitions: number
  /** `delete`: retention deletes old segments. `compact`: the latest record of every key is kept. Default `delete`. */
  readonly cleanup: Cleanup
  /** Records older than this (their timestamps compared with the clock) may be deleted; null keeps them. Default null. */
  readonly retentionMs: number | null
  /** A partition larger than this may lose its oldest segments; null keeps them. Default null. */
  readonly retentionBytes: number | null
  /** A segment that has reached this size is closed, and a new one begins. Default 256 MiB. */
  readonly segmentBytes: number
  /** The largest record (key, value and headers) that is accepted. Default 1 MiB. */
  readonly recordBytesMax: number
}

/** A topic that exists, with its settings. */
export interface TopicDescription extends TopicSettings {
  readonly name: string
  /** Another topic of the same name, made after this one was deleted, has another id. */
  readonly id: string
}

/** Which offsets a partition has. */
export interface PartitionOffsets {
  /** The offset of the first record that is still there. */
  readonly start: number
  /**
   * Where reading of committed records ends: the offset that the next record will get, or the offset of the first record
   * whose transaction is not decided yet.
   */
  readonly end: number
}

/**
 * Manages the topics of a log. Calls with a topic or partition that does not exist throw `TOPIC_MISSING` or
 * `PARTITION_MISSING`, unless their comment states otherwise.
 */
export interface LogAdmin {
  /** Throws `TOPIC_EXISTS`, `BAD_NAME`, `BAD_TOPIC_SETTINGS`. Durable when it returns. */
  createTopic(name: string, settings?: Partial<TopicSettings>): Promise<TopicDescription>
  /** Throws `TOPIC_MISSING`. Readers and writers of the topic fail with `TOPIC_MISSING` at their next call. */
  deleteTopic(name: string): Promise<void>
  /** Undefined if there is no such topic. */
  describeTopic(name: string): Promise<TopicDescription | undefined>
  /** All topics, by name. */
  listTopics(): Promise<TopicDescription[]>
  /** Where a partition starts and ends now. */
  offsets(topic: string, partition: number): Promise<PartitionOffsets>
  /**
   * Throws `LOG_PARTS_DIFFER` if the parts of these topics in the log do not fit together, as in a copy whose files are from
   * different moments. Called before a job uses the topics. A missing topic is not an error, unless the log has committed
   * records of it.
   */
  checkTopics(names: readonly string[]): Promise<void>
  /** The offset before which compaction may have rewritten batches; 0 if it never rewrites any. */
  rewrittenBefore(topic: string, partition: number): Promise<number>
  /** The offset of the first record whose timestamp is at least `timestamp`; the end if there is no such record. */
  offsetAt(topic: string, partition: number, timestamp: number): Promise<number>
  /** Allows the log to delete records before `offset`. The log chooses how many it deletes, and when. */
  purge(topic: string, partition: number, offset: number): Promise<void>
  /** Applies retention and compaction now to every partition of the topic. A log whose servers do this does nothing. */
  clean(topic: string): Promise<void>
  /** Bytes that the topic takes, all partitions together. */
  sizeBytes(topic: string): Promise<number>
}

/** Copies whole topics as they are at one moment between transactions. The copies are files beside the log, and no part of it. */
export interface TopicCopies {
  /**
   * Copies topics, with everything that is committed at one moment, into a directory, which must be new. Of each transaction, the
   * copy has all records in these topics, or none; none is open in it. Writers continue. The cost does not grow with the topics:
   * what never changes is shared with them, and the rest is bounded by the size of a segment.
   *
   * `beforeMoment` is called and awaited before the moment, when nothing is purged from the topics or compacted in them any more:
   * what is read in it belongs to the moment or to an earlier one, and can continue with the copy. After a failure the caller must
   * remove the directory. Throws `TOPIC_MISSING`, `LOG_PARTS_DIFFER`, `LOG_DAMAGED` and `LOG_FULL`.
   */
  copy(topics: readonly string[], directory: string, beforeMoment?: () => Promise<void>): Promise<void>
  /** Opens a copy, to read it as a log. Throws `DATA_VERSION`. The caller must close it, and append nothing. */
  open(directory: string): Promise<Log>
  /**
   * Replaces topics by those of a copy, one after the other in the given order: each at once and durably, with another id, also if
   * there is no such topic. What readers and writers have open of the former topic fails with `TOPIC_MISSING`. The copy stays. It may
   * be called again after a failure or a crash. Nothing may append to the topics meanwhile.
   */
  replace(topics: readonly string[], directory: string): Promise<void>
}

/**
 * A topic that gets another number of partitions. The calls come in the order of this list. The topic stays as it is until `finish`, and
 * is another one, with another id, from then on: a crash leaves one of the two, whole. What readers and writers have open of the former
 * topic fails with `TOPIC_RESCALED` then.
 */
export interface Rescaling {
  /**
   * Resolves when nothing can be appended to the topic any more, by whichever process: appends fail with `TOPIC_RESCALED`, until `close`
   * or the death of this process. Resolves with where each partition ends. Throws `PARTITION_IN_USE` if a transaction stays open in it.
   */
  seal(): Promise<readonly number[]>
  /**
   * Copies every committed record, as it is, to the partition of its key; records without a key in turn to all. The records of each
   * former partition keep their order; between them, those with lower timestamps come first. Resolves with where each new partition ends.
   */
  copy(): Promise<RescaledTopic>
  /** Puts the copy, which is durable, in the place of the topic. */
  finish(): Promise<void>
  /** Releases the topic. Without `finish`, it stays as it was, and can be appended to. */
  close(): Promise<void>
}

/** The copy of a topic with another number of partitions. */
export interface RescaledTopic {
  readonly topic: TopicDescription
  /** By partition: the offset that the next record will get. */
  readonly ends: readonly number[]
  readonly records: number
}

/** Reads partitions of any topics. */
export interface LogReader {
  /**
   * Starts reading a partition at `offset`. One `LogReader` has at most one reader of a partition at a time. Throws
   * `TOPIC_MISSING`.
   */
  assign(topic: string, partition: number, offset: number): Promise<PartitionReader>
  /**
   * Resolves when some assigned partition may have records past its position, when `timeoutMs` is over, or when `signal`
   * aborts. It never rejects for the latter two. It takes no CPU while it waits. An append by any process on this machine
   * wakes it within a millisecond or two.
   */
  wait(timeoutMs: number, signal?: AbortSignal): Promise<void>
  /** Ends the reader and its partition readers. */
  close(): Promise<void>
}

/** Reads one partition, batch by batch. */
export interface PartitionReader {
  readonly topic: string
  readonly partition: number
  /** Where the next poll reads: the `nextOffset` of the last batch, or the offset that `assign` or `seek` set. */
  readonly position: number
  /**
   * Where reading ends now, by the reader's isolation. Looked up on each read if that is cheap, else the last known value.
   * Lag is `endOffset - position`.
   */
  readonly endOffset: number
  /**
   * The offset up to which the partition is compacted now; 0 if it is not compacted. A reader that begins at the partition's
   * start misses no deletion by a tombstone before this offset, even if the tombstone is dropped: its records are then
   * already removed.
   */
  readonly compactedBefore: number
  /**
   * The next batch, or undefined if there is none now. Never waits for the network. The batch that this reader returned
   * before becomes invalid. A partition that is not polled is paused: what is fetched ahead is bounded.
   *
   * Throws `OFFSET_GONE` if the position is before the partition's start, `LOG_DAMAGED` for damage anywhere but at the tail,
   * and `TOPIC_MISSING` when the topic was deleted. Records of a batch come in offset order. A batch whose checksum fails is
   * never returned. Offsets of aborted transactions and of their markers are skipped: then `position` moves without a batch.
   */
  poll(): Batch | undefined
  /**
   * Makes everything that was returned so far as durable as the log is set to. Required before an offset after these records
   * is committed to another place, because a record may be read before its writer has made it durable.
   */
  secure(): Promise<void>
  /** Whether `secure` has nothing to do. Never waits for the network. */
  readonly secured: boolean
  /** Sets where the next poll reads. The offset may be in the middle of a batch. */
  seek(offset: number): void
  /** Ends the reading of this partition. */
  close(): void
}
