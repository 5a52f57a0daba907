import { RefusedError } from '@millrace/core'
import type { Topology } from '@millrace/core/internal'

/** A job's changelog, by its name. */
export type Changelog = Pick<Topology, 'job' | 'changelog'>

/** Throws `CHANGELOG_CUT` if a partition of a changelog does not begin at offset 0: only compaction may remove records. */
export function requireWholeChangelog({ job, changelog: topic }: Changelog, partition: number, start: number): void {
  if (start === 0) return
  throw new RefusedError(
    'CHANGELOG_CUT',
    `The changelog ${topic}/${partition} of job ${job} begins at offset ${start}. Retention, a purge or a repair removed ` +
      `the records before it, and the job's state cannot be restored without them. Restore the log from a backup, or run ` +
      `"millrace reset ${job}" to compute everything from the start of its inputs`,
    { job, topic, partition, offset: start },
  )
}

/** The error that a partition of a changelog ends in the middle of a commit. */
export function changelogEndCut({ job, changelog: topic }: Changelog, partition: number, end: number): RefusedError {
  return new RefusedError(
    'CHANGELOG_CUT',
    `The changelog ${topic}/${partition} of job ${job} ends at offset ${end}, in the middle of a commit: the log has lost what ` +
      `followed, or a repair removed it. Restore the log from a backup, or delete what the job has computed with "millrace ` +
      `reset ${job}" to compute everything from the start of its inputs`,
    { job, topic, partition, offset: end },
  )
}
