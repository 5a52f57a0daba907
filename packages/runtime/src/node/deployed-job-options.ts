import type { Env } from '@millrace/core'
import type { SavepointsOptions } from '../savepoints/savepoints.ts'
import type { ContainerLogs } from './container-logs.ts'
import type { StartContainer } from './container-process.ts'
import type { Deployments } from './deployments.ts'
import type { DiskUse } from './disk-use.ts'

/** What a deployed job needs. */
export interface DeployedJobOptions {
  readonly job: string
  readonly env: Pick<Env, 'clock' | 'timers'>
  readonly start: StartContainer
  readonly logs: ContainerLogs
  readonly deployments: Deployments
  readonly savepoints: SavepointsOptions
  readonly disk: DiskUse
  /** See `NodeOptions.healthyAfterMs`. */
  readonly healthyAfterMs: number
}
