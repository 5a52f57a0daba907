import type { FileSystem } from '@millrace/core'
import { topicRescaled } from '../../topic-errors.ts'
import { readIfThere } from '../if-there.ts'
import { rescaledDirectory, rescalingLockPath } from '../paths.ts'
import type { PartitionFiles } from './partition-files.ts'
import type { Tail } from './tail.ts'

/** Whether a process rescales a topic now. */
export function isRescaling(files: FileSystem, data: string, topic: string): boolean {
  return readIfThere(files, rescalingLockPath(data, topic), (file) => file.isLocked()) ?? false
}

/** Whether it is decided that another topic takes the place of the one with this name. */
export function isRescaled(files: FileSystem, data: string, topic: string): boolean {
  return files.stat(rescaledDirectory(data, topic)) !== undefined
}

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

/** Whether nothing may be appended to the partitions of a topic, since it is being rescaled, or it is decided that another takes its place. */
export function mustBeSealed({ files, data, topic }: Pick<PartitionFiles, 'files' | 'data' | 'topic'>): boolean {
  // In this order: the process that rescales decides while it holds its lock.
  return isRescaling(files, data, topic) || isRescaled(files, data, topic)
}
