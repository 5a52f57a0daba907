import { type FileSystem, RefusedError } from '@millrace/core'
import { journalPath } from '../paths.ts'
import { journalNames } from '../transactions/journal-names.ts'

/**
 * Throws `PARTITION_IN_USE` if a job runs on the data directory, or if a transactional writer lives: either may use the
 * partition.
 */
export function refuseUsers(files: FileSystem, data: string, topic: string, partition: number): void {
  const locks = [
    ...filesUnder(files, `${data}/jobs`).filter((path) => path.endsWith('.lock') || path.includes('/members/')),
    ...journalNames(files, data).map(({ name }) => journalPath(data, name)),
  ]
  const user = locks.find((path) => isHeld(files, path))
  if (user !== undefined) throw partitionInUse(topic, partition, `a running process holds ${user}`)
}

export function partitionInUse(topic: string, partition: number, why: string): RefusedError {
  return new RefusedError(
    'PARTITION_IN_USE',
    `Partition ${topic}/${partition} cannot be repaired while it may be in use: ${why}. Stop the jobs and writers of this data directory first`,
    { topic, partition },
  )
}

function isHeld(files: FileSystem, path: string): boolean {
  const file = files.open(path, 'read')
  try {
    return file.isLocked()
  } finally {
    file.close()
  }
}

function filesUnder(files: FileSystem, path: string): string[] {
  const stat = files.stat(path)
  if (stat === undefined) return []
  return stat.directory ? files.list(path).flatMap((name) => filesUnder(files, `${path}/${name}`)) : [path]
}
