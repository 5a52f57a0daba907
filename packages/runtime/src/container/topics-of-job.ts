import type { Topology } from '@millrace/core/internal'
import { requireNotBeingSetBack } from '../catalog/open-catalog.ts'
import type { ReadFrom } from '../catalog/read-partition.ts'
import { type JobTopics, prepareTopics } from './topics.ts'

/** As `prepareTopics`. A job that is being set back may have topics for another number of tasks: then throws `RESTORE_UNFINISHED`. */
export async function topicsOfJob(from: ReadFrom, topology: Topology): Promise<JobTopics> {
  try {
    return await prepareTopics(topology, from.log)
  } catch (error) {
    await requireNotBeingSetBack(from, topology.job)
    throw error
  }
}
