import type { Deployment, StatedError } from './deployment.ts'
import type { JobStatus } from './job-status.ts'

/**
 * What a container is doing. `waiting`: it runs a changed job, and waits for the containers that run the job as it was.
 * `restarting`: it has failed, and starts again soon. `failed`: it has failed too often, and was given up.
 */
export type ContainerPhase =
  | 'starting'
  | 'restoring'
  | 'waiting'
  | 'running'
  | 'restarting'
  | 'stopping'
  | 'stopped'
  | 'failed'

/** What a node knows about one of a job's containers. */
export interface ContainerState {
  readonly phase: ContainerPhase
  /** When it came into this phase, ms since the epoch. */
  readonly sinceMs: number
  /** Its process, if it has one. */
  readonly pid: number | null
  /** Where it answers queries, once it runs. */
  readonly url: string | null
  readonly address: string | null
  /** How often it was started again. */
  readonly restarts: number
  /** Why it failed last. */
  readonly error: StatedError | null
  /** What it reported last. */
  readonly status: JobStatus | null
  /** Records that it processes per second, between its last two reports. */
  readonly recordsPerSecond: number
  /** While it restores: how far. */
  readonly restore: RestoreProgress | null
}

/** How far a restore is, in changelog offsets: all that are read, including those of the task's neighbours. */
export interface RestoreProgress {
  readonly task: string
  /** Offsets that were read. */
  readonly done: number
  /** Offsets that are to be read. */
  readonly total: number
}

/**
 * The condition of a deployed job. `deploying`: a deploy, an upgrade or a rollback is under way. `degraded`: some of its
 * containers do not run, and its tasks run in the others. `draining`: it processes what its inputs hold, and is then stopped.
 * `failed`: it was given up, because its containers kept failing.
 */
export type JobPhase = 'starting' | 'running' | 'degraded' | 'deploying' | 'draining' | 'stopped' | 'failed'

/** What a node reports about one container of a job. */
export interface ContainerSummary extends ContainerState {
  readonly container: string
}

/** What a node reports about a job that is deployed on it. */
export interface JobReport {
  readonly job: string
  readonly phase: JobPhase
  /** What is being done to the job now, such as `scale`; null if nothing is. */
  readonly operation: string | null
  readonly deployment: Deployment
  readonly containers: readonly ContainerSummary[]
  /** Records in the job's inputs that are not processed yet, as its containers reported last. */
  readonly lag: number
  readonly recordsPerSecond: number
  /** What the job's own topics and its local state took when they were measured last, bytes. Null: it has no limit, or was not measured yet. */
  readonly diskBytes: number | null
  /** Why it failed, or why one of its containers failed last. */
  readonly error: StatedError | null
}

/** How important a line of a container's log is. */
export type LogLevel = 'info' | 'warning' | 'error'

/** A line that a container printed, or a node about it. */
export interface LogLine {
  /** ms since the epoch. */
  readonly atMs: number
  /** The container; `node` for what the node did. */
  readonly container: string
  readonly level: LogLevel
  readonly text: string
}
