import type { Log, TopicDescription } from '@millrace/core'
import { type Checkpoint, type InputCheckpoint, type InputPlan, ownValue, type Topology } from '@millrace/core/internal'
import { beginningsIn, type Catalog } from '../catalog/catalog.ts'
import type { NeededTopics } from '../container/topics.ts'
import { findStart } from '../task/check-input.ts'
import { globalKey } from '../task/global-key.ts'
import { inputLost } from '../task/input-range.ts'
import { storeKey } from '../task/local-state-options.ts'
import { globalPartitions } from '../task/make-globals.ts'
import { requireSameTopic } from '../task/source-input.ts'

/** What the inputs of a job's tasks are checked with. */
export interface InputsFound {
  readonly topology: Topology
  readonly log: Log
  /** The topics that exist. */
  readonly descriptions: ReadonlyMap<string, TopicDescription>
  readonly needed: NeededTopics
  /** By the partition of the changelog. */
  readonly checkpoints: readonly Checkpoint[]
  /** The catalog that describes the changelog; an empty one if it is missing. */
  readonly catalog: Pick<Catalog, 'stores' | 'starts' | 'restored'>
}

/** Throws what the tasks of a job would throw if they began to read their inputs now, in the order of the tasks. */
export async function requireInputs(found: InputsFound): Promise<void> {
  const { topology, descriptions, needed, checkpoints, catalog } = found
  for (const subtopology of topology.subtopologies) {
    for (let task = 0; task < (needed.tasks.get(subtopology) ?? 0); task++) {
      for (const input of subtopology.inputs) {
        await requireInput(found, input, task, checkpoints[task]?.get(input.topic))
      }
      for (const { topic, partition, store } of globalPartitions(subtopology, descriptions)) {
        const checkpoint = checkpoints[task]?.get(globalKey(topic, partition, storeKey(catalog, store)))
        requireSameTopic(topic, descriptions.get(topic)?.id ?? '', checkpoint?.progress)
        await findStart(found.log, topology.job, { topic, partition }, checkpoint)
      }
    }
  }
}

async function requireInput(
  { topology: { job }, log, descriptions, catalog }: InputsFound,
  { topic, node }: InputPlan,
  partition: number,
  checkpoint: InputCheckpoint | undefined,
): Promise<void> {
  const there = descriptions.get(topic)
  if (node.kind === 'source') requireSameTopic(topic, there?.id ?? '', checkpoint?.progress)
  const begun = checkpoint === undefined ? ownValue(beginningsIn(catalog), topic) : undefined
  const beginning = ownValue(begun?.offsets ?? {}, partition)
  if (beginning !== undefined) requireSameTopic(topic, there?.id ?? '', begun)
  if (there !== undefined) await findStart(log, job, { topic, partition }, checkpoint, beginning)
  // The start makes a topic of the job, which is then empty.
  else if (checkpoint !== undefined && checkpoint.offset > 0) {
    throw inputLost({ job, topic, partition, offset: checkpoint.offset }, 0)
  }
}
