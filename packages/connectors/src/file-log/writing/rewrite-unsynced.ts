import type { OpenFile } from '@millrace/core'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { rewriteSegment } from '../partition/rewrite.ts'

/**
 * Rewrites the bytes of a segment that may not be durable, up to `to`: see `rewrite`. For a caller that does not hold the
 * partition's lock.
 */
export async function rewriteUnsynced(files: PartitionFiles, base: number, file: OpenFile, to: number): Promise<void> {
  await files.lock()
  try {
    rewriteSegment(await files.currentTail(), base, file, to)
  } finally {
    files.unlock()
  }
}
