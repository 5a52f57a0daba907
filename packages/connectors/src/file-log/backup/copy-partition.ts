import { systemCode } from '../errors.ts'
import { listSegments } from '../partition/segments.ts'
import { type Tail, writeTail } from '../partition/tail.ts'
import { indexPath, partitionDirectory, segmentPath } from '../paths.ts'
import type { BackupTarget } from './backup-target.ts'
import type { PartitionCut } from './cut.ts'

/**
 * Writes a partition, up to its cut, to a backup. Its segments are not compacted or purged meanwhile. Retention may remove the first
 * ones; then the partition in the backup starts later.
 */
export async function copyPartition(target: BackupTarget, cut: PartitionCut): Promise<void> {
  const { env } = target
  const { directory: from, topic, partition, tail } = cut
  const to = partitionDirectory(target.directory, topic.name, partition)
  env.files.makeDirectory(to)
  const closed = listSegments(env.files, from).filter((base) => base < tail.activeBase)
  const kept: number[] = []
  for (const base of [...closed, tail.activeBase]) {
    const copied =
      base === tail.activeBase ? await copyActive(target, from, to, tail) : await copyClosed(target, from, to, base)
    if (copied) kept.push(base)
    // Retention deletes from the front: what was copied before is deleted by now, too.
    else for (const gone of kept.splice(0)) env.files.remove(segmentPath(to, gone))
  }
  for (const base of kept) {
    target.add(segmentPath(to, base))
    if (base !== tail.activeBase) await copyIndex(target, indexPath(from, base), indexPath(to, base))
  }
  const [first = -1] = kept
  if (first === -1) env.files.open(segmentPath(to, tail.nextOffset), 'create').close()
  if (first === -1) target.add(segmentPath(to, tail.nextOffset))
  await writeNewTail(target, `${to}/tail`, first === -1 ? emptied(tail) : startingAt(tail, first))
  await target.syncNames(to)
}

/** False if the segment was deleted. */
async function copyClosed(target: BackupTarget, from: string, to: string, base: number): Promise<boolean> {
  const path = segmentPath(from, base)
  return ifThere(async () => {
    if (target.link(path, segmentPath(to, base))) return
    await target.copy(path, segmentPath(to, base))
  })
}

/** Other processes continue to append to it: it is copied, and never gets a hard link. */
async function copyActive(
  target: BackupTarget,
  from: string,
  to: string,
  { activeBase, activeBytes }: Tail,
): Promise<boolean> {
  const path = segmentPath(to, activeBase)
  if (activeBytes === 0) {
    // The process that rolled may not have made the file yet.
    target.env.files.open(path, 'create').close()
    return true
  }
  return ifThere(() => target.copy(segmentPath(from, activeBase), path, activeBytes))
}

/** An index is optional: what is missing in it is found by a scan of the segment. */
async function copyIndex(target: BackupTarget, from: string, to: string): Promise<void> {
  if (await ifThere(() => target.copy(from, to))) target.add(to)
}

async function ifThere(copy: () => Promise<void>): Promise<boolean> {
  try {
    await copy()
    return true
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false
    throw error
  }
}

/** Everything that the tail refers to is durable in the backup. */
async function writeNewTail(target: BackupTarget, path: string, tail: Tail): Promise<void> {
  const file = target.env.files.open(path, 'create')
  try {
    const { activeBase: base, activeBytes: bytes, nextOffset, open, committed } = tail
    writeTail(file, { ...tail, pending: null, synced: { base, bytes, nextOffset, open, committed } })
    await target.syncFile(file)
  } finally {
    file.close()
  }
  target.add(path)
}

/** The tail of a partition whose first segment is `first`: retention may have moved the start since the cut. */
function startingAt(tail: Tail, first: number): Tail {
  return { ...tail, startOffset: Math.max(tail.startOffset, first) }
}

/** The tail of a partition that has lost all its segments: retention deletes only what is decided. */
function emptied(tail: Tail): Tail {
  const { nextOffset } = tail
  return { ...tail, activeBase: nextOffset, activeBytes: 0, startOffset: nextOffset, maxTimestamp: -1, open: [] }
}
