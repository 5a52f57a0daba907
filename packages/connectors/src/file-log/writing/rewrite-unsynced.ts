import type { OpenFile } from '@millrace/core'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { rewriteSegment } from '../partition/rewrite.ts'

/**
 * Rewrites the bytes of a segment that may not be durable, up to `to`: see `rewrite`. For a caller that does not hold the
 * partition's lock.
 */
export function rewriteUnsynced(files: PartitionFiles, base: number, file: OpenFile, to: number): Promise<void> {
  return files.withTail((tail) => {
    rewriteSegment(tail, base, file, to)
    if (tail.pending !== null) files.writeTail({ ...tail, rewrites: tail.rewrites + 1 })
  })
}
