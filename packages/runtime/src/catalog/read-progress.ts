import type { Batch, Log, Position, TopicDescription } from '@millrace/core'
import { type Checkpoint, dictionary, type InputCheckpoint } from '@millrace/core/internal'
import { readChangelogKey, readCheckpoint } from '@millrace/state'
import { isGlobalKey } from '../task/global-key.ts'
import { type ReadFrom, readPartition } from './read-partition.ts'

/** How many offsets from the end of a changelog the search for the last checkpoints reads first; then twice as many, and so on. */
const OFFSETS_READ_FIRST = 10_000

/**
 * The last checkpoint of every topic that a job ever read, by the partition of its changelog. It reads the whole changelog,
 * as a restore does.
 */
export async function readCheckpoints(from: ReadFrom, changelog: TopicDescription): Promise<readonly Checkpoint[]> {
  const checkpoints: Checkpoint[] = []
  for (let partition = 0; partition < changelog.partitions; partition++) {
    checkpoints.push(await checkpointsSince(from, changelog, partition, 0))
  }
  return checkpoints
}

/**
 * The last checkpoints of these topics, by the partition of the changelog (`inputs` returns the topics of each), and perhaps
 * those of others. Each commit of a task writes its checkpoints, so they are near the end: it reads the whole changelog only if
 * one of them is missing.
 */
export async function findCheckpoints(
  from: ReadFrom,
  changelog: TopicDescription,
  inputs: (partition: number) => readonly string[],
): Promise<readonly Checkpoint[]> {
  const found: Checkpoint[] = []
  for (let partition = 0; partition < changelog.partitions; partition++) {
    const { start, end } = await from.log.admin.offsets(changelog.name, partition)
    for (let offsets = OFFSETS_READ_FIRST; ; offsets *= 2) {
      const first = Math.max(start, end - offsets)
      const checkpoints = await checkpointsSince(from, changelog, partition, first)
      if (first > start && !inputs(partition).every((topic) => checkpoints.has(topic))) continue
      found.push(checkpoints)
      break
    }
  }
  return found
}

async function checkpointsSince(
  from: ReadFrom,
  { name }: TopicDescription,
  partition: number,
  first: number,
): Promise<Checkpoint> {
  const inputs = new Map<string, InputCheckpoint>()
  const take = (batch: Batch) => {
    while (batch.next()) {
      const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
      if (keyStart < 0 || keyStart === keyEnd || valueStart < 0) continue
      const about = readChangelogKey(bytes, keyStart, keyEnd)
      if (about.kind !== 'checkpoint') continue
      inputs.set(about.topic, readCheckpoint(bytes, valueStart, valueEnd))
    }
  }
  await readPartition(from, name, partition, take, first)
  return inputs
}

/** How far a job has processed every topic that it ever read. */
export function processedIn(checkpoints: readonly Checkpoint[]): Position {
  const processed = dictionary<Record<string, number>>()
  for (const [partition, inputs] of checkpoints.entries()) {
    for (const [topic, { offset }] of inputs)
      if (!isGlobalKey(topic)) processed[topic] = { ...processed[topic], [partition]: offset }
  }
  return processed
}

/** Where the partitions of topics start. */
export async function readStarts(log: Log, topics: readonly TopicDescription[]): Promise<Position> {
  const starts = dictionary<Record<string, number>>()
  for (const { name, partitions } of topics) {
    const offsets = dictionary<number>()
    for (let partition = 0; partition < partitions; partition++) {
      offsets[partition] = (await log.admin.offsets(name, partition)).start
    }
    starts[name] = offsets
  }
  return starts
}
