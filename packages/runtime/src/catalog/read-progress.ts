import type { Log, Position, TopicDescription } from '@millrace/core'
import { dictionary } from '@millrace/core/internal'
import { readChangelogKey, readCheckpoint } from '@millrace/state'
import { type ReadFrom, readPartition } from './read-partition.ts'

/**
 * How far a job has processed every topic that it ever read, from the checkpoints in its changelog. It reads the whole
 * changelog, as a restore does, so it is used only when the job's stores are no longer those that it ran with.
 */
export async function readProcessed(from: ReadFrom, { name, partitions }: TopicDescription): Promise<Position> {
  const processed = dictionary<Record<string, number>>()
  for (let partition = 0; partition < partitions; partition++) {
    const offsets = new Map<string, number>()
    await readPartition(from, name, partition, (batch) => {
      while (batch.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
        if (keyStart < 0 || keyStart === keyEnd || valueStart < 0) continue
        const about = readChangelogKey(bytes, keyStart, keyEnd)
        if (about.kind !== 'checkpoint') continue
        offsets.set(about.topic, readCheckpoint(bytes, valueStart, valueEnd).offset)
      }
    })
    for (const [topic, offset] of offsets) processed[topic] = { ...processed[topic], [partition]: offset }
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
