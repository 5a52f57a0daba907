import type { Env, Timer, Timers } from '@millrace/core'
import { timerHeartbeats } from '@millrace/core/internal'
import type { Disk } from './disk.ts'
import { type DiskErrorCode, ProcessCrashed } from './disk-error.ts'
import type { DiskCall, FaultHook } from './faults.ts'
import type { Kernel } from './kernel.ts'
import type { EventKind, EventOwner, Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seeded-random.ts'
import { SimulatedFiles } from './simulated-files.ts'

/** How late a timer fires at most; the event loop also has other work. */
const TIMER_LATE_MS_MAX = 1
/** How long a turn of the event loop takes. */
const TURN_MS_MIN = 0.005
const TURN_MS_MAX = 0.1
/** How long a read of the clock and a call of the disk take: loops that wait for time to pass must see it pass. */
const CLOCK_COST_MS = 0.0001
const CALL_COST_MS = 0.002

/** What processes share: the machine, from their side. */
export interface Host {
  readonly scheduler: Scheduler
  readonly disk: Disk
  /** The random numbers of the disk and its delays. */
  readonly diskRandom: SeededRandom
  readonly boot: string
  wallClockMs(): number
  readonly faults: FaultHook | undefined
}

/**
 * A process of the machine: an environment for real code, which can lose it at any time. In a crashed process, code never
 * gets what it waits for, and every call that it still makes throws `ProcessCrashed`.
 */
export class SimulatedProcess implements EventOwner {
  readonly name: string
  /** What the code of the process runs with. */
  readonly env: Env
  readonly #host: Host
  readonly #files: SimulatedFiles
  #state: 'running' | 'paused' | 'crashed' = 'running'
  readonly #ended: (() => void)[] = []

  /** `random`: the numbers that the process itself draws. */
  constructor(host: Host, name: string, random: SeededRandom) {
    this.name = name
    this.#host = host
    this.#files = new SimulatedFiles(this.#asKernel(), host.boot)
    const { scheduler, diskRandom: delays } = host
    const timers: Timers = {
      after: (delayMs, callback) =>
        this.#deliver(Math.max(1, delayMs) + delays.between(0, TIMER_LATE_MS_MAX), 'timer', callback),
      turn: () =>
        new Promise((resolve) => {
          this.#deliver(delays.between(TURN_MS_MIN, TURN_MS_MAX), 'turn', resolve)
        }),
    }
    this.env = {
      clock: {
        now: () => {
          scheduler.spend(CLOCK_COST_MS)
          return Math.floor(host.wallClockMs())
        },
        monotonic: () => {
          scheduler.spend(CLOCK_COST_MS)
          return scheduler.nowMs
        },
      },
      timers,
      random,
      files: this.#files,
      heartbeats: timerHeartbeats(timers, this.#files),
    }
  }

  /** Whether it runs, is paused, or has crashed. */
  get state(): 'running' | 'paused' | 'crashed' {
    return this.#state
  }

  /** Kills it, as `kill -9` does: the kernel frees its locks and closes its files, and what it wrote is there. */
  crash(): void {
    if (this.#state === 'crashed') return
    this.#state = 'crashed'
    this.#host.scheduler.resumed(this)
    this.#files.discard()
    for (const ended of this.#ended) ended()
  }

  /** Calls back once it has ended, however that happens: what the system reports to those that wait for a process. */
  whenEnded(ended: () => void): void {
    if (this.#state === 'crashed') ended()
    else this.#ended.push(ended)
  }

  /** Stops it, as `kill -STOP` does: it keeps its locks, and everything that comes due for it waits. */
  pause(): void {
    if (this.#state === 'running') this.#state = 'paused'
  }

  /** Continues a paused process, as `kill -CONT` does: what came due meanwhile comes now, in order. */
  resume(): void {
    if (this.#state !== 'paused') return
    this.#state = 'running'
    this.#host.scheduler.resumed(this)
  }

  #check(): void {
    if (this.#state === 'crashed') throw new ProcessCrashed(this.name)
    this.#host.scheduler.spend(CALL_COST_MS)
  }

  #enter(call: DiskCall, path: string, midway: () => void): DiskErrorCode | undefined {
    this.#check()
    const fault = this.#host.faults?.(call, path, this.name)
    // The hook itself may have crashed the process.
    this.#check()
    if (fault !== 'crash' && fault !== 'torn') return fault
    if (fault === 'torn') midway()
    this.crash()
    throw new ProcessCrashed(this.name)
  }

  #deliver(delayMs: number, kind: EventKind, run: () => void): Timer {
    return this.#host.scheduler.after(delayMs, kind, this, run)
  }

  #asKernel(): Kernel {
    const { disk, diskRandom, scheduler, boot } = this.#host
    return {
      disk,
      random: diskRandom,
      check: () => this.#check(),
      enter: (call, path, midway) => this.#enter(call, path, midway),
      deliver: (delayMs, kind, run) => this.#deliver(delayMs, kind, run),
      complete: (delayMs, kind, run) => {
        scheduler.after(delayMs, kind, undefined, () => {
          // What the kernel was doing when the power failed is not done.
          if (this.#host.boot === boot) run()
        })
      },
    }
  }
}
