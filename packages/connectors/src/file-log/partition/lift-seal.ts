import { topicRescaled } from '../../topic-errors.ts'
import type { PartitionFiles } from './partition-files.ts'
import { mustBeSealed } from './seal.ts'
import type { Tail } from './tail.ts'

/**
 * Lifts the seal of a partition whose rescaling was interrupted before it was decided. Throws `TOPIC_RESCALED` otherwise. Under the
 * partition's lock: a process that rescales the topic next seals the partition after this.
 */
export function liftSeal(partition: PartitionFiles, tail: Tail): void {
  const { topic } = partition
  if (mustBeSealed(partition)) throw topicRescaled(topic)
  // The seal may have taken the place of it.
  partition.writeTail({ ...tail, pending: 'settle' })
}
