import type { ErrorCode } from '../errors/codes.ts'

/** How a node runs a job. */
export interface JobSettings {
  /** How many containers: processes that share the job's tasks. */
  readonly containers: number
  /** Between which numbers of containers the node chooses by the job's lag; null: it does not. */
  readonly auto: { readonly min: number; readonly max: number } | null
  readonly guarantee: 'exactly-once' | 'at-least-once'
  /** How many warm copies of each task's state other containers keep. */
  readonly standbys: number
  /** How often state, positions and outputs become durable together, ms. */
  readonly commitIntervalMs: number
  /** The limit of each container's JavaScript heap, bytes; null: Node's own limit. */
  readonly heapBytesMax: number | null
  /** How much room the job's own topics and its local state may take together, bytes; null: no limit. */
  readonly diskBytesMax: number | null
}

/** Something that a node can run: an artefact, and how. */
export interface Release {
  /** The id of the artefact. */
  readonly artefact: string
  readonly settings: JobSettings
}

/**
 * What a job's containers are to be: kept running, stopped, given up because they kept failing, or `draining`: they process what
 * the inputs hold, and are then stopped.
 */
export type Desired = 'running' | 'draining' | 'stopped' | 'failed'

/** An error as a node records and reports it. */
export interface StatedError {
  readonly code: ErrorCode
  readonly message: string
}

/** A deploy that is under way. */
export interface DeploymentTrial {
  /** The stores that may lose what they hold. */
  readonly acceptLoss: readonly string[]
  /** What the release before could be rolled back to: it is so again if the deploy is undone. Absent if there was nothing. */
  readonly before?: { readonly previous: Release; readonly savepoint?: string }
}

/** A job that is deployed on a node. */
export interface Deployment {
  readonly job: string
  /** Grows by one with every change of what runs: a deploy, a rollback, another number of containers. */
  readonly revision: number
  readonly release: Release
  /** What ran before the last deploy, if anything; a rollback returns to it. */
  readonly previous: Release | null
  /** Taken before the last deploy: who returns from the deploy returns to it, if the deploy has changed the stores. */
  readonly savepoint?: string
  readonly desired: Desired
  /** The deploy under way; null if none is. */
  readonly trial: DeploymentTrial | null
  /** The savepoint that the job returns to before it starts again: a deploy was undone, and the return has failed. */
  readonly returnTo?: string
  /** Why it failed, if `desired` is `failed`. */
  readonly error: StatedError | null
}

/**
 * What was done to a job. `interrupted`: a deploy was undone, since the node had ended in the middle of it. `drained`: what the
 * inputs held when the drain began is processed.
 */
export type DeploymentAction =
  | 'deploy'
  | 'deployed'
  | 'undone'
  | 'interrupted'
  | 'rollback'
  | 'scale'
  | 'savepoint'
  | 'delete savepoint'
  | 'restore savepoint'
  | 'restored savepoint'
  | 'rewind'
  | 'rewound'
  | 'drain'
  | 'drained'
  | 'stop'
  | 'start'
  | 'restart'
  | 'failed'
  | 'undeploy'

/** Who changes something, and why. */
export interface Author {
  /** `name@machine`, or `node` for what the node does by itself. */
  readonly by: string
  readonly why: string | null
}

/** A record of what was done to a job, with the deployment that resulted from it. */
export interface DeploymentRecord extends Author {
  readonly action: DeploymentAction
  /** Null: the job is no longer deployed. */
  readonly deployment: Deployment | null
  /** What made the change necessary, if an error did. */
  readonly error: StatedError | null
  /** The savepoint that was taken, restored or deleted, if it is about one. */
  readonly savepoint?: string
}

/** A change that was made to a job, as its history shows it. */
export interface DeploymentEvent extends DeploymentRecord {
  readonly job: string
  /** When it was recorded, ms since the epoch. */
  readonly atMs: number
}
