import type { Position } from '@millrace/core'
import { dictionary, offsetIn } from '@millrace/core/internal'

/**
 * The position that answers from several parts reflect: for each source partition the least that any part which depends
 * on it has reached. A part lists every partition that it depends on, so one that does not list it does not count.
 */
export function mergePositions(positions: Iterable<Position>): Position {
  const merged = dictionary<Record<string, number>>()
  for (const position of positions) {
    for (const [topic, partitions] of Object.entries(position)) {
      merged[topic] ??= dictionary()
      const least = merged[topic]
      for (const [partition, offset] of Object.entries(partitions)) {
        least[partition] = Math.min(least[partition] ?? offset, offset)
      }
    }
  }
  return merged
}

/** Whether a part that stands at `position` has all of `wanted` that it depends on. */
export function reflects(position: Position, wanted: Position): boolean {
  for (const [topic, partitions] of Object.entries(wanted)) {
    for (const [partition, offset] of Object.entries(partitions)) {
      const reached = offsetIn(position, topic, partition)
      if (reached !== undefined && reached < offset) return false
    }
  }
  return true
}

/** The first `topic/partition` of `wanted` that none of the positions lists: it is never reached, or does not exist. */
export function unknownPartition(wanted: Position, positions: readonly Position[]): string | undefined {
  for (const [topic, partitions] of Object.entries(wanted)) {
    for (const partition of Object.keys(partitions)) {
      if (!positions.some((position) => offsetIn(position, topic, partition) !== undefined))
        return `${topic}/${partition}`
    }
  }
  return undefined
}
