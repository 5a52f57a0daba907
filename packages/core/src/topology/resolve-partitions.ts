import { RefusedError } from '../errors/millrace-error.ts'
import type { RepartitionNode, SinkNode } from '../plan/nodes/topic-nodes.ts'
import { deadLettersOf } from './steps.ts'
import type { Subtopology, Topology } from './topology.ts'
import { throwProblems } from './validate.ts'

/** How many partitions every part of a job has. */
export interface PartitionPlan {
  /** How many tasks each subtopology has: as many as each of its inputs has partitions. */
  readonly tasks: ReadonlyMap<Subtopology, number>
  readonly repartitionTopics: readonly RepartitionTopic[]
  /** The largest number of tasks of any subtopology. */
  readonly changelogPartitions: number
}

export interface RepartitionTopic {
  readonly node: RepartitionNode
  readonly topic: string
  readonly partitions: number
}

/**
 * Partition counts for a topology, from those of the topics that exist (`countOf`: undefined if there is no such topic). A
 * repartition topic without its own number has as many partitions as the topics that are read together with it, or else as
 * the largest topic upstream. Throws with every problem at once: `TOPIC_MISSING` if missing topics are the only problem, else
 * `JOB_INVALID`.
 */
export function resolvePartitions(topology: Topology, countOf: (topic: string) => number | undefined): PartitionPlan {
  const problems: string[] = []
  const tasks = new Map<Subtopology, number>()
  const largest = new Map<Subtopology, number>()
  for (const subtopology of topology.subtopologies) {
    const upstream = Math.max(1, ...feedersOf(topology, subtopology).map((feeder) => largest.get(feeder) ?? 1))
    const { count, problem } = partitionsOf(subtopology, countOf)
    if (problem !== undefined) problems.push(problem)
    tasks.set(subtopology, count ?? upstream)
    largest.set(subtopology, Math.max(upstream, count ?? 1))
  }
  throwMissing(topology, countOf, problems)
  throwProblems(topology.job, problems)
  return {
    tasks,
    repartitionTopics: [...tasks].flatMap(([{ inputs }, partitions]) =>
      inputs.flatMap(({ topic, node }) => (node.kind === 'repartition' ? [{ node, topic, partitions }] : [])),
    ),
    changelogPartitions: Math.max(1, ...tasks.values()),
  }
}

/** The partition count that a subtopology's inputs agree on; undefined if none of them has its own. */
function partitionsOf(
  { inputs }: Subtopology,
  countOf: (topic: string) => number | undefined,
): { count: number | undefined; problem?: string } {
  const fixed = inputs.flatMap(({ topic, node }) => {
    const count = node.kind === 'source' ? countOf(topic) : node.partitions
    return count === undefined ? [] : [{ topic, count, label: node.label }]
  })
  const count = fixed[0]?.count
  if (fixed.every((input) => input.count === count)) return { count }
  const list = fixed.map((input) => `"${input.topic}" has ${input.count}`).join(', ')
  const most = Math.max(...fixed.map((input) => input.count))
  return {
    count,
    problem:
      `Topics that are read together must have the same number of partitions, but ${list}. Send each stream ` +
      `with fewer than ${most} partitions through .repartition('…', { partitions: ${most} }) before it is merged or joined, or ` +
      'give the topics the same number ("millrace rescale")',
  }
}

function feedersOf(topology: Topology, { inputs }: Subtopology): readonly Subtopology[] {
  return topology.subtopologies.filter(({ nodes }) => nodes.some((step) => inputs.some(({ node }) => node === step)))
}

function throwMissing(
  topology: Topology,
  countOf: (topic: string) => number | undefined,
  others: readonly string[],
): void {
  const missing = namedTopics(topology).filter((topic) => countOf(topic) === undefined)
  if (missing.length === 0) return
  const problems = missing.map(
    (topic) => `Topic ${topic} does not exist. Create it with "millrace topics create ${topic} --partitions 4"`,
  )
  if (others.length > 0) throwProblems(topology.job, [...problems, ...others])
  const list = problems.map((problem) => `\n- ${problem}`).join('')
  throw new RefusedError('TOPIC_MISSING', `Job ${topology.job} cannot start:${list}`, {
    job: topology.job,
  })
}

/** Every topic of the user that the job names, each once. */
export function namedTopics(topology: Topology): readonly string[] {
  const topics = new Set<string>()
  for (const { inputs, globals, nodes } of topology.subtopologies) {
    for (const { topic } of globals) topics.add(topic)
    for (const { topic, node } of inputs) if (node.kind === 'source') topics.add(topic)
    for (const node of nodes) if (node.kind === 'sink') for (const topic of sinkTopics(node)) topics.add(topic)
  }
  for (const topic of deadLettersOf(topology)) topics.add(topic)
  return [...topics]
}

function sinkTopics({ topic }: SinkNode): readonly string[] {
  return 'choose' in topic ? [] : [topic.name]
}
