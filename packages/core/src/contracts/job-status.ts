import type { ErrorCode } from '../errors/codes.ts'

/** What a container reports about itself: a snapshot, made a few times a second, never on the hot path. */
export interface JobStatus {
  readonly job: string
  /**
   * `restoring`: the first tasks are not restored yet. `running`: tasks run, or the container waits for some. `stopping`: a
   * stop was requested. `stopped`: the container has ended without an error. `failed`: an error ended it.
   */
  readonly phase: 'restoring' | 'running' | 'stopping' | 'stopped' | 'failed'
  /** When the snapshot was made: monotonic ms. */
  readonly atMs: number
  readonly tasks: readonly TaskStatus[]
  /** The standbys that this container keeps of other containers' tasks; absent if it keeps none. */
  readonly standbys?: readonly StandbyStatus[]
  /** What fails beside the job's work and does not stop it: partitions that cannot be cleaned. Empty if all is well. */
  readonly problems: readonly JobProblem[]
}

/** What a container reports about a standby. */
export interface StandbyStatus {
  /** The task whose state it follows. */
  readonly task: string
  /**
   * `behind`: it has not caught up with the task's changelog yet. `ready`: it has, and follows; it can take the task over.
   * `failed`: it could not be opened, written or read, and is tried again.
   */
  readonly phase: 'behind' | 'ready' | 'failed'
  /** The changelog's partition that it reads. */
  readonly partition: number
  /** The changelog offset up to which it has everything. */
  readonly offset: number
  /** The changelog's end when the standby last looked. How far it is behind is `endOffset - offset`. */
  readonly endOffset: number
  /** Changelog records applied since it was opened. */
  readonly records: number
  /** Why it failed; null unless it has. */
  readonly problem: string | null
}

/** A fault that does not stop the job. */
export interface JobProblem {
  readonly code: ErrorCode
  /** What failed, on what, and what happens next. */
  readonly message: string
}

/** What a container reports about one of its tasks. */
export interface TaskStatus {
  /** `<subtopology>-<partition>` */
  readonly task: string
  readonly subtopology: string
  readonly partition: number
  readonly inputs: readonly InputStatus[]
  /** Event time before which no more records are expected; null before the first. */
  readonly watermark: number | null
  /** Since the container started. */
  readonly counts: TaskCounts
}

/** How far a task is in one partition of an input. */
export interface InputStatus {
  readonly topic: string
  readonly partition: number
  /** The offset of the next record to process. */
  readonly offset: number
  /** The partition's end. Lag is `endOffset - offset`. */
  readonly endOffset: number
}

/** What a task has done since its container started. Every field is a number of records, except `commits`. */
export interface TaskCounts {
  /** Records taken from the inputs. */
  readonly processed: number
  /** Of these, records of repartition topics. The task that sent them has already counted the records that they come from. */
  readonly repartitioned: number
  /** Records appended to topics, repartition topics included. */
  readonly emitted: number
  /** Records that came after their window had closed, or too late for `dedupe`. */
  readonly late: number
  /** Records dropped by `dedupe`: a record of the same key had passed shortly before or after them, by event time. */
  readonly duplicates: number
  /** Records left out because their key or value did not decode, by policy. */
  readonly undecodable: number
  /** Records left out because they had no key, by policy. */
  readonly keyless: number
  /** Records left out because a callback failed for them, or what it returned could not be written, by policy. */
  readonly failed: number
  /** Of the three counts above, the records that went to a dead-letter topic. */
  readonly deadLettered: number
  /** Repeats of repartition records, dropped after a crash of the task that had sent them. */
  readonly repeats: number
  /** Changelog records applied by restores. */
  readonly restored: number
  /** Commits of the task. */
  readonly commits: number
}
