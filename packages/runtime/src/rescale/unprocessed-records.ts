import type { Batch, Env, Log } from '@millrace/core'
import { ownValue } from '@millrace/core/internal'
import { readPartition } from '../catalog/read-partition.ts'
import { isMarker } from '../task/repartition-input.ts'
import type { Reader } from './plan-rescale.ts'
import type { FencedTopic } from './rescaled-fences.ts'

interface Place {
  readonly log: Log
  readonly env: Env
}

/**
 * Where the partitions of a topic start, and where those that read it must have come: behind the last record. A partition can end later,
 * with aborted records and the markers of transactions, which no job waits for.
 */
export async function recordBounds(
  place: Place,
  topic: string,
  ends: readonly number[],
  readers: readonly Reader[],
): Promise<FencedTopic['former']> {
  const bounds: { readonly start: number; readonly end: number }[] = []
  for (const [partition, end] of ends.entries()) {
    const { start } = await place.log.admin.offsets(topic, partition)
    const fences = readers.flatMap(({ now, earlier }) => [...earlier, now])
    const offsets = fences.flatMap((fence) => {
      const points = ownValue(fence, topic)
      return points === undefined ? [] : [ownValue(points, partition)?.offset ?? start]
    })
    const from = Math.max(start, Math.min(end, ...offsets))
    let last = from
    const look = (batch: Batch) => {
      while (batch.next()) last = batch.offset + 1
    }
    if (offsets.length > 0 && from < end) await readPartition(place, topic, partition, look, from)
    bounds.push({ start, end: offsets.length > 0 ? last : end })
  }
  return bounds
}

/** What a job has sent itself, and has not processed; undefined if there is nothing. */
export async function unprocessedIn(place: Place, { now, repartitions }: Reader): Promise<string | undefined> {
  const { log } = place
  for (const topic of repartitions) {
    const { partitions } = (await log.admin.describeTopic(topic)) ?? { partitions: 0 }
    for (let partition = 0; partition < partitions; partition++) {
      const { start, end } = await log.admin.offsets(topic, partition)
      const from = Math.max(start, now[topic]?.[partition]?.offset ?? start)
      let found = false
      const look = (batch: Batch) => {
        while (batch.next()) if (!isMarker(batch)) found = true
      }
      if (from < end) await readPartition(place, topic, partition, look, from)
      if (found) return `it has not processed all of its topic ${topic}`
    }
  }
  return undefined
}
