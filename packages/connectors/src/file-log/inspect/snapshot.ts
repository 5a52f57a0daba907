import type { FileSystem, OpenFile } from '@millrace/core'
import { listSegments } from '../partition/segments.ts'
import { readTail, type Tail } from '../partition/tail.ts'
import { segmentPath } from '../paths.ts'
import { isOfBoot } from './required.ts'

/** A segment's file as it was when the snapshot was taken. */
export interface SegmentFile {
  readonly base: number
  readonly path: string
  /** 0 if the file is missing. */
  readonly bytes: number
  readonly modifiedMs: number
}

/** What a partition's directory held at one moment. */
export interface PartitionSnapshot {
  readonly directory: string
  readonly tailPath: string
  /** The machine's boot when it was taken. */
  readonly boot: string
  /** Undefined if it is missing or cannot be read. */
  readonly tail: Tail | undefined
  /** Ascending; the last is the one that is appended to. */
  readonly segments: readonly SegmentFile[]
  /** Whether no process was appending. If one was, nothing is known of the bytes after the tail. */
  readonly quiet: boolean
}

/**
 * Reads the state of a partition. If its tail and its files disagree, it reads again under the partition's lock, if that is
 * free, so that an append in progress is not taken for one that was cut off. `locked`: the caller has the lock.
 */
export function takeSnapshot(files: FileSystem, directory: string, locked: boolean): PartitionSnapshot {
  const tailPath = `${directory}/tail`
  if (files.stat(tailPath) === undefined) return lookAt(files, directory, undefined, true)
  if (locked) return withFile(files.open(tailPath, 'read'), (tail) => lookAt(files, directory, readTail(tail), true))
  const first = withFile(files.open(tailPath, 'read'), (tail) => lookAt(files, directory, readTail(tail), true))
  if (agrees(first)) return first
  // Only a file that is open for writing can be locked.
  return withFile(files.open(tailPath, 'write'), (tail) => {
    const quiet = tail.tryLock()
    return lookAt(files, directory, readTail(tail), quiet)
  })
}

/** Whether tail and files agree. For a tail from another boot, this is not known. */
export function agrees({ tail, segments, boot }: PartitionSnapshot): boolean {
  const active = segments.at(-1)
  if (tail === undefined || !isOfBoot(tail, boot)) return false
  return active?.base === tail.activeBase && active.bytes === tail.activeBytes
}

/** Whether nothing was rewritten, removed or begun between two snapshots; appends to the last segment do not count. */
export function sameSegments(one: PartitionSnapshot, other: PartitionSnapshot): boolean {
  const closed = ({ segments }: PartitionSnapshot) =>
    segments.map(({ base, bytes, modifiedMs }, index) =>
      index === segments.length - 1 ? `${base}` : `${base} ${bytes} ${modifiedMs}`,
    )
  return closed(one).join() === closed(other).join() && one.tail?.startOffset === other.tail?.startOffset
}

function lookAt(files: FileSystem, directory: string, tail: Tail | undefined, quiet: boolean): PartitionSnapshot {
  const bases = listSegments(files, directory)
  // A process that rolls first moves the tail, and then makes the file. What was synced must be there in any boot.
  const known = tail === undefined || isOfBoot(tail, files.boot) ? tail?.activeBase : tail.synced.base
  if (known !== undefined && known > (bases.at(-1) ?? -1)) bases.push(known)
  const segments = bases.map((base) => {
    const path = segmentPath(directory, base)
    const stat = files.stat(path)
    return { base, path, bytes: stat?.bytes ?? 0, modifiedMs: stat?.modifiedMs ?? 0 }
  })
  return { directory, tailPath: `${directory}/tail`, boot: files.boot, tail, segments, quiet }
}

function withFile<T>(file: OpenFile, use: (file: OpenFile) => T): T {
  try {
    return use(file)
  } finally {
    // Closing also releases the lock.
    file.close()
  }
}
