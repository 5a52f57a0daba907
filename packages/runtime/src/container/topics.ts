import type { Log, Position, TopicDescription } from '@millrace/core'
import { RefusedError } from '@millrace/core'
import { type RepartitionNode, resolvePartitions, type Subtopology, type Topology } from '@millrace/core/internal'

/** The topics of a job as its log has them. */
export interface JobTopics {
  /** Every topic that the plan names, the job's own included. */
  readonly descriptions: ReadonlyMap<string, TopicDescription>
  /** How many tasks a subtopology has: as many as its inputs have partitions. */
  readonly tasks: ReadonlyMap<Subtopology, number>
  readonly repartitionTopic: (node: RepartitionNode) => string
}

/** Segments of a repartition topic are purged whole behind the last commit: small ones leave little behind. */
const REPARTITION_SEGMENT_BYTES = 16 * 1024 * 1024
/** Segments of a changelog are compacted once closed: small ones keep restores short. */
const CHANGELOG_SEGMENT_BYTES = 64 * 1024 * 1024

/**
 * The largest record of the job's own topics. A record that an input allows must fit with its origin, and a store takes
 * values of any size; the bound is what a batch can hold with room to spare.
 */
const OWN_RECORD_BYTES_MAX = 256 * 1024 * 1024

/**
 * Finds the topics that a job names, and makes its own where they are missing: the repartition topics and the changelog.
 * Throws with every problem at once where topics are missing or their partitions do not fit together.
 */
export async function prepareTopics(topology: Topology, log: Log): Promise<JobTopics> {
  const descriptions = new Map<string, TopicDescription>()
  for (const topic of await log.admin.listTopics()) descriptions.set(topic.name, topic)
  const plan = resolvePartitions(topology, (topic) => descriptions.get(topic)?.partitions)
  for (const { topic, partitions } of plan.repartitionTopics) {
    await ensure(log, descriptions, topic, partitions, {
      cleanup: 'delete',
      segmentBytes: REPARTITION_SEGMENT_BYTES,
      recordBytesMax: OWN_RECORD_BYTES_MAX,
    })
  }
  await ensure(log, descriptions, topology.changelog, plan.changelogPartitions, {
    cleanup: 'compact',
    segmentBytes: CHANGELOG_SEGMENT_BYTES,
    recordBytesMax: OWN_RECORD_BYTES_MAX,
  })
  const byNode = new Map(plan.repartitionTopics.map(({ node, topic }) => [node, topic]))
  return {
    descriptions,
    tasks: plan.tasks,
    repartitionTopic: (node) => {
      const topic = byNode.get(node)
      if (topic === undefined) throw new Error(`${node.label} has no topic`)
      return topic
    },
  }
}

async function ensure(
  log: Log,
  descriptions: Map<string, TopicDescription>,
  topic: string,
  partitions: number,
  settings: Partial<TopicDescription>,
): Promise<void> {
  const there = descriptions.get(topic) ?? (await createOrFind(log, topic, { ...settings, partitions }))
  descriptions.set(topic, there)
  if (there.partitions !== partitions) {
    throw new RefusedError(
      'JOB_INVALID',
      `The job's own topic ${topic} has ${there.partitions} partitions, and the job now needs ${partitions}: its state is ` +
        `spread over the old number. Run the job under another name, or delete the topic to compute everything anew`,
      { topic },
    )
  }
}

/** Several containers of a job may start at once: the first makes the topic. */
async function createOrFind(log: Log, topic: string, settings: Partial<TopicDescription>): Promise<TopicDescription> {
  try {
    return await log.admin.createTopic(topic, settings)
  } catch (error) {
    const made = error instanceof RefusedError && error.code === 'TOPIC_EXISTS'
    const found = made ? await log.admin.describeTopic(topic) : undefined
    if (found === undefined) throw error
    return found
  }
}

/** Every source partition that the tasks of a subtopology may depend on, at 0, for one of its tasks. */
export function sourcesOf(
  topology: Topology,
  topics: JobTopics,
  subtopology: Subtopology,
  partition: number,
): Position {
  const sources: Record<string, Record<string, number>> = {}
  const add = (topic: string, number: number) => {
    sources[topic] = { ...sources[topic], [number]: 0 }
  }
  const visited = new Set<Subtopology>()
  const visit = (each: Subtopology, partitions: readonly number[]) => {
    for (const { topic, node } of each.inputs) {
      if (node.kind === 'source') {
        for (const number of partitions) add(topic, number)
        continue
      }
      const feeder = topology.subtopologies.find((other) => other.nodes.includes(node))
      if (feeder === undefined || visited.has(feeder)) continue
      visited.add(feeder)
      visit(
        feeder,
        Array.from({ length: topics.tasks.get(feeder) ?? 0 }, (_, number) => number),
      )
    }
  }
  visit(subtopology, [partition])
  return sources
}
