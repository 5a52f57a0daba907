import type { Position } from '@millrace/core'

/** The furthest that several positions have come, partition by partition. */
export function furthest(positions: readonly Position[]): Position {
  const all: Record<string, Record<string, number>> = {}
  for (const position of positions) {
    for (const [topic, partitions] of Object.entries(position)) {
      let known = all[topic]
      if (known === undefined) {
        known = {}
        all[topic] = known
      }
      for (const [partition, offset] of Object.entries(partitions)) {
        known[partition] = Math.max(known[partition] ?? 0, offset)
      }
    }
  }
  return all
}
