import type { FileSystem } from '@millrace/core'
import { readIfThere } from '../if-there.ts'
import { rescaledDirectory, rescalingLockPath } from '../paths.ts'

/** Whether a process rescales a topic now. */
export function isRescaling(files: FileSystem, data: string, topic: string): boolean {
  return readIfThere(files, rescalingLockPath(data, topic), (file) => file.isLocked()) ?? false
}

/** Whether it is decided that another topic takes the place of the one with this name. */
export function isRescaled(files: FileSystem, data: string, topic: string): boolean {
  return files.stat(rescaledDirectory(data, topic)) !== undefined
}

/** A topic of a file log, as a partition of it is opened. */
interface TopicPlace {
  readonly files: FileSystem
  readonly data: string
  readonly topic: string
}

/** Whether nothing may be appended to the partitions of a topic, since it is being rescaled, or it is decided that another takes its place. */
export function mustBeSealed({ files, data, topic }: TopicPlace): boolean {
  // In this order: the process that rescales decides while it holds its lock.
  return isRescaling(files, data, topic) || isRescaled(files, data, topic)
}
