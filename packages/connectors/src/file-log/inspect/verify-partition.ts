import type { FileSystem } from '@millrace/core'
import { partitionDirectory } from '../paths.ts'
import { decidedEnd } from '../transactions/journals.ts'
import { PartitionWalk } from './partition-walk.ts'
import type { PartitionProblem } from './problem.ts'
import { sameSegments, takeSnapshot } from './snapshot.ts'

/** Retention or compaction may change the files under the walk: so often it begins anew. */
const TRIES = 5

/** What was looked at, and what was found. */
export interface VerifiedPartition {
  readonly topic: string
  readonly partition: number
  readonly segments: number
  readonly batches: number
  readonly bytes: number
  readonly problems: readonly PartitionProblem[]
}

/**
 * Reads everything in a partition and says what is not as it should be. It changes nothing and may run beside jobs: what
 * stands behind the tail while somebody appends is not looked at. `locked`: the caller holds the partition's lock.
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
    // Before the snapshot: what is decided later need not be in it.
    const decided = decidedIn(files, data, topic, partition)
    const before = takeSnapshot(files, directory, locked)
    const walk = new PartitionWalk(files, before, decided)
    walk.run()
    const undisturbed = walk.problems.length === 0 || sameSegments(before, takeSnapshot(files, directory, locked))
    if (!undisturbed && tries < TRIES) continue
    const { batches, bytes } = walk
    const problems = walk.problems.map((problem) => ({ ...problem, topic, partition }))
    return { topic, partition, segments: before.segments.length, batches, bytes, problems }
  }
}

function decidedIn(files: FileSystem, data: string, topic: string, partition: number): number {
  try {
    return decidedEnd({ files, data, topic, partition })
  } catch {
    // Damaged settings or a damaged journal are told as such.
    return 0
  }
}
