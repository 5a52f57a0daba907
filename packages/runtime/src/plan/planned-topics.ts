import type { PlannedTopic, TopicChange, TopicRole } from '@millrace/core'
import { RefusedError, type TopicDescription } from '@millrace/core'
import { catalogTopic, deadLettersOf, type JobMeaning, type Topology } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import { type OwnTopic, requireFit } from '../container/own-topics.ts'
import type { NeededTopics } from '../container/topics.ts'

/** What the topics of a job are planned from. */
export interface TopicsFound {
  readonly topology: Topology
  readonly meaning: JobMeaning
  /** The topics that exist. */
  readonly descriptions: ReadonlyMap<string, TopicDescription>
  /** Undefined if it cannot be known, because topics are missing or do not fit together. */
  readonly needed: NeededTopics | undefined
  readonly before: Catalog | undefined
}

/** What becomes of each topic that a job names, and of those that it makes. */
export function plannedTopics(found: TopicsFound): readonly PlannedTopic[] {
  const { topology, meaning, descriptions, needed, before } = found
  const own = [...Object.keys(meaning.repartitions), topology.changelog, catalogTopic(topology.job)]
  const left = Object.keys(before?.repartitions ?? {}).filter(
    (topic) => !own.includes(topic) && descriptions.has(topic),
  )
  const usersTopics = [...userTopics(topology)].map(([topic, role]): PlannedTopic => {
    const there = descriptions.get(topic)
    const change = there === undefined ? 'missing' : 'none'
    return { topic, role, exists: there !== undefined, partitions: there?.partitions ?? null, change }
  })
  return [
    ...usersTopics,
    ...own.map((topic): PlannedTopic => {
      const there = descriptions.get(topic)
      const wanted = needed?.own.find((each) => each.topic === topic)
      const partitions = there?.partitions ?? wanted?.partitions ?? null
      const change = ownChange(topology.job, there, wanted)
      return { topic, role: ownRole(topology, topic), exists: there !== undefined, partitions, change }
    }),
    ...left.map((topic): PlannedTopic => {
      const partitions = descriptions.get(topic)?.partitions ?? null
      return { topic, role: 'repartition', exists: true, partitions, change: 'left' }
    }),
  ]
}

/** The user's topics; a topic that is both read and written is listed as a source. */
function userTopics(topology: Topology): Map<string, TopicRole> {
  const roles = new Map<string, TopicRole>()
  const { subtopologies } = topology
  for (const topic of deadLettersOf(topology)) roles.set(topic, 'dead-letter')
  const sinks = subtopologies.flatMap(({ nodes }) => nodes.filter((node) => node.kind === 'sink'))
  for (const { topic } of sinks) if (!('choose' in topic)) roles.set(topic.name, 'sink')
  const inputs = subtopologies.flatMap((subtopology) => subtopology.inputs)
  for (const { topic, node } of inputs) if (node.kind === 'source') roles.set(topic, 'source')
  for (const { topic } of subtopologies.flatMap(({ globals }) => globals)) roles.set(topic, 'source')
  return new Map([...roles].sort(([, a], [, b]) => ROLES.indexOf(a) - ROLES.indexOf(b)))
}

const ROLES: readonly TopicRole[] = ['source', 'sink', 'dead-letter']

function ownRole({ job, changelog }: Topology, topic: string): TopicRole {
  if (topic === changelog) return 'changelog'
  return topic === catalogTopic(job) ? 'catalog' : 'repartition'
}

function ownChange(job: string, there: TopicDescription | undefined, wanted: OwnTopic | undefined): TopicChange {
  if (there === undefined) return 'made'
  try {
    if (wanted !== undefined) requireFit(there, job, wanted)
    return 'none'
  } catch (error) {
    if (error instanceof RefusedError) return 'unfit'
    throw error
  }
}
