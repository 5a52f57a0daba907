import type { Env, Log, RestoreProgress } from '@millrace/core'
import type { Job } from '@millrace/core/internal'
import type { LevelEngine } from '@millrace/state'
import type { Guarantee } from '../task/outputs.ts'

/** The default of `commitIntervalMs`. */
export const COMMIT_INTERVAL_MS = 100
/** 64 MiB of changes: several hundred thousand entries, or what LevelDB writes in some hundred milliseconds. */
export const DIRTY_BYTES_MAX = 64 * 1024 * 1024
/** The default of `idleAfterMs`. */
export const IDLE_AFTER_MS = 30_000

/** What a container is started with. */
export interface ContainerOptions {
  readonly job: Job
  readonly log: Log
  readonly env: Env
  /** Where tasks keep their local state, which is a cache of the changelog. */
  readonly stateDirectory: string
  /** The store that holds local state. Default: LevelDB. */
  readonly engine?: LevelEngine
  /** How often state, positions and outputs become durable together, ms. Default 100. */
  readonly commitIntervalMs?: number
  /**
   * The amount of changed state, over all tasks, that forces an early commit, bytes. It bounds memory and the size of a commit.
   * Default 64 MiB.
   */
  readonly dirtyBytesMax?: number
  /**
   * `exactly-once`: outputs, state and input positions are one transaction, visible at each commit. `at-least-once`: outputs
   * are visible at the end of the slice that made them, and may repeat after a crash. Default `exactly-once`.
   */
  readonly guarantee?: Guarantee
  /**
   * An input that has had nothing to read for this long stops holding back the watermark, ms. Default 30 000. Not used with
   * `untilEnd`: then an input stops holding back the watermark only if it is empty to its end.
   */
  readonly idleAfterMs?: number
  /** Process what is there and stop, as a batch job does; containers that share the job stop together. Default false. */
  readonly untilEnd?: boolean
  /**
   * With `untilEnd`: at the end, time moves on until nothing waits for it. So all finals of windows, records without a partner
   * and timers of event time come out, and are committed. Default false: they wait for later records.
   */
  readonly closeWindows?: boolean
  /**
   * Stores whose loss is accepted: they start empty if they cannot continue, because they missed records, or are computed
   * differently from what they hold. Their views then report the position from which they count. Has no effect on stores that can continue. Default:
   * none; then the start is refused.
   */
  readonly acceptLoss?: readonly string[]
  /**
   * Whether the container may replace containers that run the same job as it was before a change. It then waits until they
   * have stopped, and goes on with their state. Default false: the start is refused while they run.
   */
  readonly upgrade?: boolean
  /**
   * How many standbys each task has: copies of its state that other containers keep up to date, so that one of them takes the
   * task over at once if this one dies. The containers of a job keep as many as the one that wants most; a container that wants
   * none keeps none. At most 4. Default 0.
   */
  readonly standbys?: number
  /** Gives up a start that waits, as an upgrade does: the start then rejects with the signal's reason. */
  readonly signal?: AbortSignal
  /** Where the container answers the job's other containers: see `JoinOptions.address`. Default: nowhere. */
  readonly address?: string
  /**
   * A container whose process gave no sign of life for this long loses its tasks to the others. A callback that takes longer
   * is waited for. Default: the log's.
   */
  readonly sessionTimeoutMs?: number
  /** Called with what the user should know, one line each: a store that was rebuilt, and why. */
  readonly onNotice?: (message: string) => void
  /** Called when an upgrade begins to wait for containers that run the job as it was. */
  readonly onWaiting?: () => void
  /** Called often with how far the restores are: the start takes as long as they do. */
  readonly onRestore?: (progress: RestoreProgress) => void
}
