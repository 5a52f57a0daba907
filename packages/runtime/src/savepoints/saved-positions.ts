import type { Env, Log, Position } from '@millrace/core'
import { type Checkpoint, dictionary, type InputCheckpoint } from '@millrace/core/internal'
import { readChangelogKey, readCheckpoint, type SavedState } from '@millrace/state'
import type { Catalog } from '../catalog/catalog.ts'
import { readPartition } from '../catalog/read-partition.ts'
import { isGlobalKey } from '../task/global-key.ts'
import { wholeLog } from '../task/whole-log.ts'

/** Where the positions of a job are read. */
export interface PositionsFrom {
  readonly log: Log
  readonly env: Env
  readonly changelog: string
  readonly catalog: Catalog | undefined
  /** By partition: the local states of its tasks. Each equals a prefix of the changelog. */
  readonly states: ReadonlyMap<number, readonly SavedState[]>
}

/**
 * How far a job has processed every topic that it reads, its own topics included. It is read from the local states and from what the
 * changelog has after them; all of a changelog's partition is read only if the local states do not account for the topics of all stores.
 */
export async function readPositions(from: PositionsFrom): Promise<Position> {
  const position = dictionary<Record<string, number>>()
  for (const [partition, checkpoint] of await readCheckpoints(from)) {
    for (const [topic, { offset }] of checkpoint)
      if (!isGlobalKey(topic)) position[topic] = { ...position[topic], [partition]: offset }
  }
  return position
}

/** As `readPositions`: the last checkpoint of every input, by partition. */
export async function readCheckpoints(from: PositionsFrom): Promise<ReadonlyMap<number, Checkpoint>> {
  const { log, changelog } = from
  const partitions = (await log.admin.describeTopic(changelog))?.partitions ?? 0
  const checkpoints = new Map<number, Checkpoint>()
  for (let partition = 0; partition < partitions; partition++) {
    checkpoints.set(partition, await readPartitionCheckpoint(from, partition))
  }
  return checkpoints
}

async function readPartitionCheckpoint(
  { log, env, changelog, catalog, states }: PositionsFrom,
  partition: number,
): Promise<Checkpoint> {
  const { start, end } = await wholeLog(log, changelog, partition)
  const last = new Map<string, InputCheckpoint>()
  const saved = (states.get(partition) ?? []).filter(({ nextOffset }) => nextOffset <= end)
  saved.sort((one, other) => one.nextOffset - other.nextOffset)
  for (const { checkpoint } of saved) for (const [topic, each] of checkpoint) last.set(topic, each)
  const isKnown = topicsOf(catalog).every((topic) => last.has(topic))
  const from = isKnown ? Math.max(start, saved[0]?.nextOffset ?? start) : start
  await readPartition(
    { log, env },
    changelog,
    partition,
    (batch) => {
      while (batch.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
        if (keyStart < 0 || keyStart === keyEnd || valueStart < 0) continue
        const about = readChangelogKey(bytes, keyStart, keyEnd)
        if (about.kind !== 'checkpoint') continue
        // Deleted first, so that the order is that of the changelog.
        last.delete(about.topic)
        last.set(about.topic, readCheckpoint(bytes, valueStart, valueEnd))
      }
    },
    from,
  )
  return last
}

function topicsOf(catalog: Catalog | undefined): string[] {
  return Object.values(catalog?.stores ?? {}).flatMap(({ topics, removedAt }) => (removedAt === null ? topics : []))
}
