import { partitionOf } from '@millrace/core/internal'

/** A partition to which a world appends records. */
export interface SourcePartition {
  readonly topic: string
  readonly partition: number
  /** The keys of its records. */
  readonly keys: readonly string[]
}

/**
 * All partitions of a topic, each with those of so many keys that belong to it; if none does, with one that no other partition has: then
 * each partition gets records.
 */
export function sourcePartitions(topic: string, keys: number, partitions: number): readonly SourcePartition[] {
  const all = Array.from({ length: keys }, (_, key) => `k${key}`)
  return Array.from({ length: partitions }, (_, partition) => {
    const own = all.filter((key) => partitionOf(Buffer.from(key), 0, key.length, partitions) === partition)
    return { topic, partition, keys: own.length === 0 ? [`k${keys + partition}`] : own }
  })
}
