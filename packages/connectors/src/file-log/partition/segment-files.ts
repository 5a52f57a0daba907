import type { FileSystem, OpenFile } from '@millrace/core'

/** The segments of one partition, for the code that reads and repairs them. */
export interface SegmentFiles {
  readonly topic: string
  readonly partition: number
  readonly directory: string
  readonly files: FileSystem
  /** The data directory. */
  readonly data: string
  /** The base offsets of the segments, ascending. */
  segments(): number[]
  segmentPath(base: number): string
  openSegment(base: number, mode: 'read' | 'write'): OpenFile
}
