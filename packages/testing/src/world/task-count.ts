import type { Job } from '@millrace/core'
import { resolvePartitions, toTopology } from '@millrace/core/internal'
import type { Scenario } from './scenario.ts'
import type { Workload } from './workload.ts'

/** How many tasks a job has in a world. */
export function taskCount(job: Job, workload: Workload, { partitions }: Scenario): number {
  const countOf = (topic: string) => workload.partitions?.get(topic) ?? partitions
  const { tasks } = resolvePartitions(toTopology(job), countOf)
  return [...tasks.values()].reduce((sum, count) => sum + count, 0)
}
