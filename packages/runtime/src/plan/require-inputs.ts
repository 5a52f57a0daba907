import type { Log, TopicDescription } from '@millrace/core'
import type { Checkpoint, InputCheckpoint, InputPlan, Topology } from '@millrace/core/internal'
import type { NeededTopics } from '../container/topics.ts'
import { findStart } from '../task/check-input.ts'
import { inputLost } from '../task/input-range.ts'
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
}

/** Throws what the tasks of a job would throw if they began to read their inputs now, in the order of the tasks. */
export async function requireInputs(found: InputsFound): Promise<void> {
  const { topology, needed, checkpoints } = found
  for (const subtopology of topology.subtopologies) {
    for (let partition = 0; partition < (needed.tasks.get(subtopology) ?? 0); partition++) {
      for (const input of subtopology.inputs) {
        await requireInput(found, input, partition, checkpoints[partition]?.get(input.topic))
      }
    }
  }
}

async function requireInput(
  { topology: { job }, log, descriptions }: InputsFound,
  { topic, node }: InputPlan,
  partition: number,
  checkpoint: InputCheckpoint | undefined,
): Promise<void> {
  const there = descriptions.get(topic)
  if (node.kind === 'source') requireSameTopic(topic, there?.id ?? '', checkpoint?.progress)
  if (there !== undefined) await findStart(log, job, { topic, partition }, checkpoint)
  // The start makes a topic of the job, which is then empty.
  else if (checkpoint !== undefined && checkpoint.offset > 0) {
    throw inputLost({ job, topic, partition, offset: checkpoint.offset }, 0)
  }
}
