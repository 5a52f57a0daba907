import { catalogTopic } from '@millrace/core/internal'
import { findTraces } from '../reset-job.ts'
import type { SavepointsOptions } from './savepoints.ts'

/** Deletes what a job, which the caller has claimed, has computed for itself: its local state, and its own topics but for the catalog. */
export async function deleteComputed(options: SavepointsOptions): Promise<void> {
  const { topics, stateDirectory } = await findTraces(options)
  options.env.files.removeTree(stateDirectory)
  for (const topic of topics) if (topic !== catalogTopic(options.job)) await options.log.admin.deleteTopic(topic)
}
