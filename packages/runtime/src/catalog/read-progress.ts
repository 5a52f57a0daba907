import type { Log, Position, TopicDescription } from '@millrace/core'
import { type Checkpoint, dictionary, type InputCheckpoint } from '@millrace/core/internal'
import { readChangelogKey, readCheckpoint } from '@millrace/state'
import { type ReadFrom, readPartition } from './read-partition.ts'

/**
 * The last checkpoint of every topic that a job ever read, by the partition of its changelog. It reads the whole changelog,
 * as a restore does.
 */
export async function readCheckpoints(
  from: ReadFrom,
  { name, partitions }: TopicDescription,
): Promise<readonly Checkpoint[]> {
  const checkpoints: Checkpoint[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const inputs = new Map<string, InputCheckpoint>()
    await readPartition(from, name, partition, (batch) => {
      while (batch.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
        if (keyStart < 0 || keyStart === keyEnd || valueStart < 0) continue
        const about = readChangelogKey(bytes, keyStart, keyEnd)
        if (about.kind !== 'checkpoint') continue
        inputs.set(about.topic, readCheckpoint(bytes, valueStart, valueEnd))
      }
    })
    checkpoints.push(inputs)
  }
  return checkpoints
}

/** How far a job has processed every topic that it ever read. */
export function processedIn(checkpoints: readonly Checkpoint[]): Position {
  const processed = dictionary<Record<string, number>>()
  for (const [partition, inputs] of checkpoints.entries()) {
    for (const [topic, { offset }] of inputs) processed[topic] = { ...processed[topic], [partition]: offset }
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
