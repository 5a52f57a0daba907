import type { Position } from '@millrace/core'
import { dictionary } from '@millrace/core/internal'

/** The furthest that several positions have come, partition by partition. */
export function furthest(positions: readonly Position[]): Position {
  const all = dictionary<Record<string, number>>()
  for (const position of positions) {
    for (const [topic, partitions] of Object.entries(position)) {
      all[topic] ??= dictionary()
      const known = all[topic]
      for (const [partition, offset] of Object.entries(partitions)) {
        known[partition] = Math.max(known[partition] ?? 0, offset)
      }
    }
  }
  return all
}
