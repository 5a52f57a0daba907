import { type Log, type Position, RefusedError, type TopicDescription } from '@millrace/core'
import {
  catalogTopic,
  dictionary,
  namedTopics,
  type PartitionPlan,
  type RepartitionNode,
  resolvePartitions,
  type Subtopology,
  type Topology,
} from '@millrace/core/internal'
import { requireWholeChangelog } from '../task/changelog-cut.ts'
import { findOrCreate, type OwnTopic } from './own-topics.ts'

/** The topics of a job as its log has them. */
export interface JobTopics {
  /** Every topic that the plan names, including the job's own. */
  readonly descriptions: ReadonlyMap<string, TopicDescription>
  /** How many tasks a subtopology has: as many as its inputs have partitions. */
  readonly tasks: ReadonlyMap<Subtopology, number>
  readonly repartitionTopic: (node: RepartitionNode) => string
}

/** Segments of a repartition topic are purged as a whole behind the last commit: small ones leave little behind. */
const REPARTITION_SEGMENT_BYTES = 16 * 1024 * 1024
/** Segments of a changelog are compacted once closed: small ones keep restores short. */
const CHANGELOG_SEGMENT_BYTES = 64 * 1024 * 1024
/** A record of the catalog takes some hundred bytes for each store. */
const CATALOG_SEGMENT_BYTES = 16 * 1024 * 1024

/**
 * The largest record of the job's own topics. A record that an input allows must fit together with its identity, and a store
 * takes values of any size; the bound is what a batch can hold with room to spare.
 */
const OWN_RECORD_BYTES_MAX = 256 * 1024 * 1024

/** Throws `UNSUPPORTED` for a log that cannot commit state, input positions and outputs together. */
function requireTransactions(job: string, { kind, location, capabilities: { transactions } }: Log): void {
  if (transactions === 'all') return
  const reach = transactions === 'none' ? 'has no transactions' : 'has transactions only within one slot'
  throw new RefusedError(
    'UNSUPPORTED',
    `Job ${job} cannot run on the ${kind} log at ${location}, which ${reach}: a job commits its state, input positions and ` +
      'outputs together. Run it on a log with transactions over all topics',
    { job },
  )
}

/** All topics of a log, by name. */
export async function topicsByName(log: Log): Promise<Map<string, TopicDescription>> {
  return new Map((await log.admin.listTopics()).map((topic) => [topic.name, topic]))
}

/** The topics that a job needs for itself, and how many partitions everything has. */
export interface NeededTopics extends PartitionPlan {
  readonly own: readonly OwnTopic[]
}

/**
 * Which topics a job needs, given those that exist. If topics are missing or their partitions do not fit together, throws one
 * error with every problem. Rejects a log whose transactions do not reach far enough (`UNSUPPORTED`).
 */
export async function findNeeded(
  topology: Topology,
  log: Log,
  descriptions: ReadonlyMap<string, TopicDescription>,
): Promise<NeededTopics> {
  requireTransactions(topology.job, log)
  // Before any missing topic is made: it may be missing from a copy.
  await log.admin.checkTopics([...namedTopics(topology), ...ownTopics(topology)])
  const plan = resolvePartitions(topology, (topic) => descriptions.get(topic)?.partitions)
  const own = [
    ...plan.repartitionTopics.map(({ topic, partitions }) => repartitionTopic(topic, partitions)),
    changelogTopic(topology.changelog, plan.changelogPartitions),
    catalogOf(topology.job),
  ]
  return { ...plan, own }
}

/** Throws `CHANGELOG_CUT` if records were removed from the start of a job's changelog. */
export async function requireChangelog(topology: Topology, log: Log, partitions: number): Promise<void> {
  for (let partition = 0; partition < partitions; partition++) {
    const { start } = await log.admin.offsets(topology.changelog, partition)
    requireWholeChangelog(topology, partition, start)
  }
}

/**
 * Finds the topics that a job names, and makes its own topics if they are missing: the repartition topics, the changelog and
 * the catalog. Throws as `findNeeded` does, and rejects existing topics under the job's own names that would lose what the
 * job keeps (`JOB_TOPIC_UNFIT`) or have lost it (`CHANGELOG_CUT`).
 */
export async function prepareTopics(topology: Topology, log: Log): Promise<JobTopics> {
  const descriptions = await topicsByName(log)
  const plan = await findNeeded(topology, log, descriptions)
  for (const each of plan.own) descriptions.set(each.topic, await findOrCreate(log, descriptions, topology.job, each))
  await requireChangelog(topology, log, plan.changelogPartitions)
  const byNode = new Map(plan.repartitionTopics.map(({ node, topic }) => [node, topic]))
  return {
    descriptions,
    tasks: plan.tasks,
    repartitionTopic: (node) => {
      const topic = byNode.get(node)
      if (topic === undefined) throw new Error(`Step ${node.label} has no topic`)
      return topic
    },
  }
}

function ownTopics({ job, changelog, subtopologies }: Topology): string[] {
  const inputs = subtopologies.flatMap((subtopology) => subtopology.inputs)
  const repartitions = inputs.flatMap(({ topic, node }) => (node.kind === 'repartition' ? [topic] : []))
  return [changelog, catalogTopic(job), ...repartitions]
}

function repartitionTopic(topic: string, partitions: number): OwnTopic {
  const sizes = { segmentBytes: REPARTITION_SEGMENT_BYTES, recordBytesMax: OWN_RECORD_BYTES_MAX }
  return { topic, partitions, cleanup: 'delete', ...sizes }
}

function changelogTopic(topic: string, partitions: number): OwnTopic {
  const sizes = { segmentBytes: CHANGELOG_SEGMENT_BYTES, recordBytesMax: OWN_RECORD_BYTES_MAX }
  return { topic, partitions, cleanup: 'compact', ...sizes }
}

function catalogOf(job: string): OwnTopic {
  const sizes = { segmentBytes: CATALOG_SEGMENT_BYTES, recordBytesMax: OWN_RECORD_BYTES_MAX }
  // The whole topic is kept: it has one record for each change of the job's stores.
  return { topic: catalogTopic(job), partitions: 1, cleanup: 'delete', ...sizes }
}

/** Every source partition that the tasks of a subtopology may depend on, at 0, for one of its tasks. */
export function sourcesOf(
  topology: Topology,
  topics: JobTopics,
  subtopology: Subtopology,
  partition: number,
): Position {
  const sources = dictionary<Record<string, number>>()
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
