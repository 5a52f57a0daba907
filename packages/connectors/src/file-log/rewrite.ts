import type { OpenFile } from '@millrace/core'
import type { PartitionFiles } from './partition-files.ts'

const CHUNK_BYTES = 1024 * 1024

/**
 * Writes a segment's bytes from the synced point up to `to` again, as they are, so that the next sync through `file` means
 * them. They are of others, written before `file` was opened, and a sync of theirs may have failed: the kernel then takes
 * for written what never was, and tells only those who had the file open (errseq_t in Linux; "Can Applications Recover from
 * fsync Failures?", Rebello et al., USENIX ATC 2020).
 */
export async function rewriteUnsynced(files: PartitionFiles, base: number, file: OpenFile, to: number): Promise<void> {
  await files.lock()
  try {
    const { synced } = await files.currentTail()
    const from = synced.base === base ? synced.bytes : 0
    // A closed segment was synced by who closed it.
    if (synced.base > base || from >= to) return
    const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, to - from))
    for (let at = from; at < to; ) {
      const read = file.read(chunk, 0, Math.min(chunk.length, to - at), at)
      if (read === 0) return
      file.write(chunk, 0, read, at)
      at += read
    }
    // The length may be among what was lost, and writing below it does not make it news.
    if (file.size() === to) {
      file.truncate(to + 1)
      file.truncate(to)
    }
  } finally {
    files.unlock()
  }
}
