import type { Timer } from '@millrace/core'
import type { Disk } from './disk.ts'
import type { DiskErrorCode } from './disk-error.ts'
import type { DiskCall } from './faults.ts'
import type { EventKind } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What the files of a process ask of their process and machine. */
export interface Kernel {
  readonly disk: Disk
  /** Chance of the disk and its delays. */
  readonly random: SeededRandom
  /** Throws where the process has crashed. */
  check(): void
  /**
   * Throws where the process has crashed, or dies of this call; says with which error the call is to fail. `midway` does
   * what is done of a call that the process dies in.
   */
  enter(call: DiskCall, path: string, midway: () => void): DiskErrorCode | undefined
  /** Calls back in the process, unless it has crashed by then; later where it is paused. */
  deliver(delayMs: number, kind: EventKind, run: () => void): Timer
  /** Calls back whatever became of the process. */
  complete(delayMs: number, kind: EventKind, run: () => void): void
}
