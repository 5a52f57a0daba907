import { settleAll } from '@millrace/core/internal'
import type { PartitionFiles } from '../partition/partition-files.ts'
import { syncFile, syncNames } from '../sync.ts'
import { rewriteUnsynced } from './rewrite-unsynced.ts'

/** Makes the bytes durable that other processes have appended to a partition, up to the end in its tail. */
export async function syncActive(files: PartitionFiles): Promise<void> {
  const { activeBase: base, activeBytes: bytes, nextOffset, open, committed } = await files.settle()
  const segment = files.openSegment(base, 'write')
  try {
    await rewriteUnsynced(files, base, segment, bytes)
    // Closed segments are durable. The active one's name may not be: the process that began it may have died.
    await settleAll([syncFile(segment), syncNames(files.files, files.directory)])
  } finally {
    segment.close()
  }
  await files.withTail((tail) => {
    if (tail.activeBase === base && tail.synced.nextOffset < nextOffset) {
      files.writeTail({ ...tail, synced: { base, bytes, nextOffset, open, committed } })
    }
  })
}
