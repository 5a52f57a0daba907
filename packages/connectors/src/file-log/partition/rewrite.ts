import type { OpenFile } from '@millrace/core'
import type { Tail } from './tail.ts'

const CHUNK_BYTES = 1024 * 1024

/**
 * Writes a file's bytes from one position to another again, unchanged, and its length, so that the next sync through `file`
 * covers them. They may have been written before `file` was opened, and a sync since then may have failed. The kernel then
 * takes bytes for written that never were, and reports the error only to processes that had the file open (errseq_t in Linux;
 * "Can Applications Recover from fsync Failures?", Rebello et al., USENIX ATC 2020). No other process may write the file
 * meanwhile.
 */
export function rewrite(file: OpenFile, from: number, to: number): void {
  const size = file.size()
  const end = Math.min(to, size)
  if (from >= end) return
  const chunk = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - from))
  for (let at = from; at < end; ) {
    const read = file.read(chunk, 0, Math.min(chunk.length, end - at), at)
    if (read === 0) break
    file.write(chunk, 0, read, at)
    at += read
  }
  markLength(file)
}

/** Makes the next sync cover a file's length, which may be lost too: a write below it does not mark it as changed. */
export function markLength(file: OpenFile): void {
  const size = file.size()
  file.truncate(size + 1)
  file.truncate(size)
}

/** Rewrites a segment's bytes from the synced point up to `to`: those before it are durable. Under the partition's lock. */
export function rewriteSegment({ synced }: Tail, base: number, file: OpenFile, to: number): void {
  // The process that closes a segment syncs it.
  if (synced.base <= base) rewrite(file, synced.base === base ? synced.bytes : 0, to)
}
