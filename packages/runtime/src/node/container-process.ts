import type { JobSettings, JobStatus, LogLevel, PlannedStart, RestoreProgress, StatedError } from '@millrace/core'
import type { Observable } from 'rxjs'

/** What a container's process is started with. */
export interface ContainerSpec {
  readonly job: string
  /** Names the container among those of the job: `0`, `1` … */
  readonly container: string
  /** The id of the artefact that it runs. */
  readonly artefact: string
  readonly settings: JobSettings
  /** The stores that may start empty. */
  readonly acceptLoss: readonly string[]
  /** Whether it ends once everything that the inputs hold is processed. */
  readonly untilEnd: boolean
  /** Whether it only reports what its start would change, and ends. */
  readonly planOnly: boolean
}

/** What a container's process reports to the node. */
export type ContainerReport =
  /** It runs a changed job, and waits for the containers that run the job as it was. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'restoring'; readonly progress: RestoreProgress }
  /** Its tasks run. `address` is where it answers queries: see `ViewServer.address`. */
  | { readonly kind: 'running'; readonly url: string; readonly address: string }
  | { readonly kind: 'status'; readonly status: JobStatus }
  /** It runs until the end, has processed and committed everything, and ends now. */
  | { readonly kind: 'finished' }
  /** It only plans, and ends now. */
  | { readonly kind: 'planned'; readonly planned: PlannedStart }
  /** What the job or Millrace prints. */
  | { readonly kind: 'line'; readonly level: LogLevel; readonly text: string }

/** How a container's process has ended. */
export interface ContainerEnd {
  /** Why; null if it ended without an error. */
  readonly error: StatedError | null
}

/** A container's process, as the node that started it sees it. */
export interface ContainerProcess {
  readonly pid: number
  /** What it reports, from its start on, to the only subscriber. Completes at the end of the process. */
  readonly reports: Observable<ContainerReport>
  /** Resolves when the process has ended; never rejects. */
  readonly ended: Promise<ContainerEnd>
  /** Requests that it commits and ends. Further calls do nothing. */
  stop(): void
  /** Ends it at once. What it had not committed is processed again. */
  kill(): void
}

/**
 * Starts a container's process. Never throws: if the process cannot be started, it ends at once, with the reason. The process
 * ends by itself, as after `stop`, when the node that started it is gone.
 */
export type StartContainer = (spec: ContainerSpec) => ContainerProcess
