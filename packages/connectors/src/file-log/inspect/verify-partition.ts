import type { FileSystem } from '@millrace/core'
import { partitionDirectory } from '../paths.ts'
import { decidedEnd } from '../transactions/journals.ts'
import { PartitionWalk } from './partition-walk.ts'
import type { PartitionProblem } from './problem.ts'
import { sameSegments, takeSnapshot } from './snapshot.ts'

/** Retention or compaction may change the files during the walk: the walk starts from scratch this many times at most. */
const TRIES = 5

/** What was verified, and the problems that were found. */
export interface VerifiedPartition {
  readonly topic: string
  readonly partition: number
  readonly segments: number
  readonly batches: number
  readonly bytes: number
  readonly problems: readonly PartitionProblem[]
}

/**
 * Reads everything in a partition and returns everything that is wrong. It changes nothing and may run beside jobs: while a
 * process appends, the bytes after the tail are not read. `locked`: the caller holds the partition's lock.
 */
export function verifyPartition(
  files: FileSystem,
  data: string,
  topic: string,
  partition: number,
  locked = false,
): VerifiedPartition {
  const directory = partitionDirectory(data, topic, partition)
  for (let tries = 1; ; tries++) {
    // Before the snapshot: the snapshot need not contain what is decided later.
    const decided = decidedIn(files, data, topic, partition)
    const before = takeSnapshot(files, directory, locked)
    const walk = new PartitionWalk(files, before, decided)
    walk.run()
    const unchanged = walk.problems.length === 0 || sameSegments(before, takeSnapshot(files, directory, locked))
    if (!unchanged && tries < TRIES) continue
    const { batches, bytes } = walk
    const problems = walk.problems.map((problem) => ({ ...problem, topic, partition }))
    return { topic, partition, segments: before.segments.length, batches, bytes, problems }
  }
}

function decidedIn(files: FileSystem, data: string, topic: string, partition: number): number {
  try {
    return decidedEnd({ files, data, topic, partition })
  } catch {
    // Damaged settings or a damaged journal are reported separately.
    return 0
  }
}
