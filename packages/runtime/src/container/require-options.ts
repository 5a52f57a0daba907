import { RefusedError } from '@millrace/core'
import type { Topology } from '@millrace/core/internal'
import { requireStores } from '../catalog/refuse-stores.ts'
import { requireStandbys } from '../standby/require-standbys.ts'
import type { ContainerOptions } from './container-options.ts'

/** Refuses options that do not fit the job, its log, or each other. */
export function requireOptions(options: ContainerOptions, topology: Topology): void {
  const { log, acceptLoss = [], standbys = 0, untilEnd = false, closeWindows = false } = options
  requireStores(topology, acceptLoss)
  requireStandbys(topology.job, log, standbys)
  if (untilEnd || !closeWindows) return
  throw new RefusedError(
    'BAD_INPUT',
    `Job ${topology.job} cannot close windows at the end of its inputs, because it runs without an end. Use closeWindows with ` +
      'untilEnd',
    { job: topology.job },
  )
}
