import type { Env, Log, Position } from '@millrace/core'
import { dictionary } from '@millrace/core/internal'
import { readChangelogKey, readCheckpoint, type SavedState } from '@millrace/state'
import type { Catalog } from '../catalog/catalog.ts'

/** Where the positions of a job are read. */
export interface PositionsFrom {
  /** A log that nothing appends to: all of it is committed. */
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
  const { log, changelog } = from
  const partitions = (await log.admin.describeTopic(changelog))?.partitions ?? 0
  const position = dictionary<Record<string, number>>()
  for (let partition = 0; partition < partitions; partition++) {
    for (const [topic, offset] of await readPartitionOffsets(from, partition)) {
      position[topic] = { ...position[topic], [partition]: offset }
    }
  }
  return position
}

async function readPartitionOffsets(
  { log, env, changelog, catalog, states }: PositionsFrom,
  partition: number,
): Promise<ReadonlyMap<string, number>> {
  const offsets = new Map<string, number>()
  const saved = [...(states.get(partition) ?? [])].sort((one, other) => one.nextOffset - other.nextOffset)
  for (const { checkpoint } of saved) for (const [topic, { offset }] of checkpoint) offsets.set(topic, offset)
  const { start, end } = await log.admin.offsets(changelog, partition)
  const isKnown = topicsOf(catalog).every((topic) => offsets.has(topic))
  const from = isKnown ? (saved[0]?.nextOffset ?? start) : start
  const reader = log.openReader()
  try {
    const batches = await reader.assign(changelog, partition, Math.min(Math.max(from, start), end))
    while (batches.position < end) {
      const batch = batches.poll()
      // Behind the last batch are only markers.
      if (batch === undefined) break
      while (batch.next()) {
        const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
        if (keyStart < 0 || keyStart === keyEnd || valueStart < 0) continue
        const about = readChangelogKey(bytes, keyStart, keyEnd)
        if (about.kind === 'checkpoint') offsets.set(about.topic, readCheckpoint(bytes, valueStart, valueEnd).offset)
      }
      await env.timers.turn()
    }
  } finally {
    await reader.close()
  }
  return offsets
}

function topicsOf(catalog: Catalog | undefined): string[] {
  return Object.values(catalog?.stores ?? {}).flatMap(({ topics, removedAt }) => (removedAt === null ? topics : []))
}
