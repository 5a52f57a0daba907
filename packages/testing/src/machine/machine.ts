import type { Timer } from '@millrace/core'
import { Disk } from './disk.ts'
import { ProcessCrashed } from './disk-error.ts'
import type { FaultHook } from './faults.ts'
import { type EventListener, Scheduler } from './scheduler.ts'
import { SeededRandom } from './seeded-random.ts'
import { type Host, SimulatedProcess } from './simulated-process.ts'

/** Why `run` ended: the awaited condition is true; no event is due any more; or the time limit is reached. */
export type RunEnd = 'reached' | 'idle' | 'late'

/** How long a run may take. */
export interface RunLimits {
  /** Virtual time that may pass. Default: an hour. */
  readonly withinMs?: number
}

/** Monday, 5 January 2026, 00:00 UTC. */
const START_MS = 1_767_571_200_000
const HOUR_MS = 3_600_000

/**
 * A machine in memory: processes, one disk, one clock. Everything that happens follows from the seed and from what the world
 * does to it. Nothing happens except in `step`, `run` and the calls of the world.
 */
export class Machine {
  /** What every random choice of the machine follows from. */
  readonly seed: number
  /** For the world's own choices. They do not change any other random choice. */
  readonly random: SeededRandom
  /** The disk that all processes of the machine share. */
  readonly disk: Disk
  /** Puts faults into the disk calls of processes. */
  faults: FaultHook | undefined
  readonly #scheduler: Scheduler
  readonly #chance: SeededRandom
  readonly #powerRandom: SeededRandom
  readonly #host: Host
  readonly #processes = new Map<string, SimulatedProcess>()
  #boots = 1
  #boot: string
  /** How many processes have been started. */
  #started = 0
  #clockOffsetMs = START_MS

  /** `seed`: any safe integer. The wall clock begins at 5 January 2026, 00:00 UTC. */
  constructor(seed: number) {
    this.seed = seed
    this.#chance = new SeededRandom(seed)
    this.random = this.#chance.fork('world')
    this.#powerRandom = this.#chance.fork('power')
    this.#scheduler = new Scheduler(this.#chance.fork('scheduler'))
    this.disk = new Disk(() => this.wallClockMs())
    this.#boot = this.#bootId()
    this.#host = this.#asHost()
  }

  /** Virtual time since the machine was made; never goes back. */
  get nowMs(): number {
    return this.#scheduler.nowMs
  }

  /** How many events have run. */
  get events(): number {
    return this.#scheduler.events
  }

  /** Identifies the present boot: see `FileSystem.boot`. Each power cut begins another one. */
  get boot(): string {
    return this.#boot
  }

  /** What the wall clock shows, ms since the epoch, with fractions. */
  wallClockMs(): number {
    return this.#scheduler.nowMs + this.#clockOffsetMs
  }

  /** Sets the wall clock forward or back. Timers and monotonic time do not change. */
  jumpClock(byMs: number): void {
    this.#clockOffsetMs += byMs
  }

  /** Starts a process. Only one process of a name can be alive at a time. */
  process(name: string): SimulatedProcess {
    const former = this.#processes.get(name)
    if (former !== undefined && former.state !== 'crashed') throw new Error(`the process ${name} is alive`)
    const process = new SimulatedProcess(this.#host, name, this.#chance.fork(`process ${++this.#started}`))
    this.#processes.set(name, process)
    return process
  }

  /** The processes that are alive, paused ones too. */
  get processes(): readonly SimulatedProcess[] {
    return [...this.#processes.values()].filter(({ state }) => state !== 'crashed')
  }

  /** Kills all processes, and loses any part of what was not synced. Afterwards the machine is in another boot. */
  powerCut(): void {
    for (const process of this.#processes.values()) process.crash()
    this.#processes.clear()
    this.disk.powerCut(this.#powerRandom)
    this.#boots++
    this.#boot = this.#bootId()
  }

  /** Makes time pass for the work of the code that runs now, such as a callback that takes long. */
  spend(ms: number): void {
    this.#scheduler.spend(ms)
  }

  /** Calls back once, for the world; it does not depend on any process. */
  after(delayMs: number, callback: () => void): Timer {
    return this.#scheduler.after(delayMs, 'timer', undefined, callback)
  }

  /** Calls the listener for every event before it happens. */
  listen(listener: EventListener | undefined): void {
    this.#scheduler.listener = listener
  }

  /** Runs one event, and everything that it starts until all code waits again; false if no event is due. */
  async step(): Promise<boolean> {
    try {
      return await this.#scheduler.step()
    } catch (error) {
      // The error of a callback in which its process died.
      if (!(error instanceof ProcessCrashed)) throw error
      await this.#scheduler.rest()
      return true
    }
  }

  /** Runs events until `until` is true after one, no event is due, or the time limit is reached. */
  async run(until: () => boolean = () => false, limits: RunLimits = {}): Promise<RunEnd> {
    const endMs = this.nowMs + (limits.withinMs ?? HOUR_MS)
    // Earlier calls may still have work to do that needs no event.
    await this.#scheduler.rest()
    for (;;) {
      if (until()) return 'reached'
      const dueMs = this.#scheduler.nextDueMs()
      if (dueMs === undefined) return 'idle'
      if (dueMs > endMs) {
        this.#scheduler.spend(Math.max(0, endMs - this.nowMs))
        return 'late'
      }
      await this.step()
    }
  }

  /** Runs until the promise is settled, and returns its value. Throws if no event is due any more before that. */
  async settle<T>(promise: Promise<T>, limits: RunLimits = {}): Promise<T> {
    let settled = false
    const note = () => {
      settled = true
    }
    promise.then(note, note)
    const end = await this.run(() => settled, limits)
    if (end === 'reached') return promise
    throw new Error(`seed ${this.seed}: what was waited for did not happen (${end} at ${this.nowMs.toFixed(3)} ms)`)
  }

  #bootId(): string {
    return this.#chance.fork(`boot ${this.#boots}`).uuid()
  }

  #asHost(): Host {
    const machine = this
    return {
      scheduler: this.#scheduler,
      disk: this.disk,
      diskRandom: this.#chance.fork('disk'),
      wallClockMs: () => this.wallClockMs(),
      get boot() {
        return machine.boot
      },
      get faults() {
        return machine.faults
      },
    }
  }
}
