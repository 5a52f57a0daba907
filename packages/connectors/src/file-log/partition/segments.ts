import type { FileSystem } from '@millrace/core'
import { segmentBase } from '../paths.ts'

/** The base offsets of a partition's segments, ascending. */
export function listSegments(files: FileSystem, directory: string): number[] {
  return files
    .list(directory)
    .flatMap((name) => segmentBase(name) ?? [])
    .sort((a, b) => a - b)
}

/** The segment that holds an offset: the last that starts at or before it; undefined if all start later. */
export function segmentHolding(segments: readonly number[], offset: number): number | undefined {
  return segments.findLast((base) => base <= offset)
}
