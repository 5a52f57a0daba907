import type { RecordGroup } from '@millrace/core'
import type { CommitBuffer } from './commit-buffer.ts'

/** What a task's state does with its live stores, whatever their kind. */
export interface LiveStore {
  /** Entries in memory. */
  readonly size: number
  /** Entries that changed since the last freeze. */
  readonly dirty: number
  /** Begins a stretch of changes that can be taken back. */
  mark(): void
  /** Ends the stretch; its changes stay. */
  release(): void
  /** Ends the stretch; its changes are taken back. */
  rewind(): void
  /** Drops entries that are as LevelDB has them, the coldest first, until at most `sizeMax` are left, if it can. */
  evict(sizeMax: number): void
  /** Encodes what changed into `buffer` and `group`. Changes nothing else: it may throw half-way. */
  encode(buffer: CommitBuffer, owner: number, group: RecordGroup, timestamp: number): void
  /** What was encoded counts as stored from now on; adds what LevelDB needs beside it. */
  settle(buffer: CommitBuffer): void
  /** Looks again at what LevelDB holds; everything in memory is forgotten. Throws what makes a rebuild necessary. */
  load(): Promise<void>
}
