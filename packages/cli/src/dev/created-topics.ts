import { type Job, type Log, RefusedError } from '@millrace/core'
import { namedTopics, type Topology, toTopology } from '@millrace/core/internal'

/** A topic that was missing. */
export interface CreatedTopic {
  readonly name: string
  readonly partitions: number
}

/**
 * Creates the topics that a job names and that are missing. A topic that is read together with others gets as many partitions as
 * they have, and every other topic gets one.
 */
export async function createMissingTopics(log: Log, job: Job): Promise<CreatedTopic[]> {
  const topology = toTopology(job)
  const counts = new Map((await log.admin.listTopics()).map(({ name, partitions }) => [name, partitions]))
  const created: CreatedTopic[] = []
  for (const name of namedTopics(topology)) {
    if (counts.has(name)) continue
    const partitions = partitionsFor(name, topology, counts)
    counts.set(name, partitions)
    try {
      await log.admin.createTopic(name, { partitions })
    } catch (error) {
      // Another process was faster.
      if (error instanceof RefusedError && error.code === 'TOPIC_EXISTS') continue
      throw error
    }
    created.push({ name, partitions })
  }
  return created
}

function partitionsFor(name: string, { subtopologies }: Topology, counts: ReadonlyMap<string, number>): number {
  for (const { inputs } of subtopologies) {
    if (!inputs.some(({ topic, node }) => topic === name && node.kind === 'source')) continue
    for (const { topic, node } of inputs) {
      const count = node.kind === 'source' ? counts.get(topic) : node.partitions
      if (count !== undefined) return count
    }
  }
  return 1
}
