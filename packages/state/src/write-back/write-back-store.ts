import type { ChangelogRun } from '../changelog/changelog-run.ts'
import type { CommitBuffer } from '../commit-buffer.ts'
import type { Changes } from './changes.ts'

/** What a task's state does with its write-back stores of any kind. */
export interface WriteBackStore {
  /** Entries in memory. */
  readonly size: number
  /** What changed since the last freeze. */
  readonly changes: Pick<Changes<unknown, unknown>, 'size' | 'mark' | 'release' | 'rewind'>
  /** Drops entries that are the same in LevelDB, those not used recently first, until at most `sizeMax` are left, if it can. */
  evict(sizeMax: number): void
  /** Encodes the changes into `buffer` and `run`. Changes nothing else: it may throw half-way. */
  encode(buffer: CommitBuffer, owner: number, run: ChangelogRun): void
  /** From now on, what was encoded counts as stored. Adds what else LevelDB needs. */
  settle(buffer: CommitBuffer): void
  /**
   * Notes that a restore gives the key `bytes[keyStart, keyEnd)`, as it is in LevelDB, the value `bytes[valueStart, valueEnd)`,
   * or deletes it if `valueStart` is negative. Only before anything is processed, and while LevelDB has what was restored
   * before.
   */
  restored(bytes: Buffer, keyStart: number, keyEnd: number, valueStart: number, valueEnd: number): void
  /** Adds what LevelDB needs besides the restored entries. */
  settleRestored(buffer: CommitBuffer): void
  /** What was settled last is in LevelDB. */
  applied(): void
  /** Drops the entries in memory: a restore has written others. */
  forget(): void
  /** Drops everything in memory, and reads again what LevelDB holds. Throws if a rebuild is necessary. */
  load(): Promise<void>
}
