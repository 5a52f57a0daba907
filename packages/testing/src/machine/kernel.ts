import type { Timer } from '@millrace/core'
import type { Disk } from './disk.ts'
import type { DiskErrorCode } from './disk-error.ts'
import type { DiskCall } from './faults.ts'
import type { EventKind } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'

/** What the files of a process need from their process and machine. */
export interface Kernel {
  readonly disk: Disk
  /** The random numbers of the disk and its delays. */
  readonly random: SeededRandom
  /** Throws if the process has crashed. */
  check(): void
  /**
   * Throws if the process has crashed, or dies in this call. Returns the error with which the call must fail. `midway` does the
   * part of the call that is done when the process dies in it.
   */
  enter(call: DiskCall, path: string, midway: () => void): DiskErrorCode | undefined
  /** Calls back in the process, unless it has crashed by then; later if it is paused. */
  deliver(delayMs: number, kind: EventKind, run: () => void): Timer
  /** Calls back whatever happened to the process. */
  complete(delayMs: number, kind: EventKind, run: () => void): void
}
