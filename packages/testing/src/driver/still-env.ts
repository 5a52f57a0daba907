import type { Env, FileSystem, Timer, Timers } from '@millrace/core'
import { timerHeartbeats } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { Disk } from '../machine/disk.ts'
import type { Kernel } from '../machine/kernel.ts'
import { SeededRandom } from '../machine/seeded-random.ts'
import { SimulatedFiles } from '../machine/simulated-files.ts'

interface Alarm {
  readonly dueMs: number
  readonly ring: () => void
}

/**
 * The outside world of one process, in memory. Its clock stands still unless it is moved by hand, its disk has no faults, and
 * its random numbers are always the same.
 */
export class StillEnv {
  readonly env: Env
  readonly #startMs: number
  readonly #alarms = new Set<Alarm>()
  #passedMs = 0

  /** `startMs`: where the wall clock begins, ms since the epoch. */
  constructor(startMs: number) {
    this.#startMs = startMs
    const { turn } = nodeEnv().timers
    const timers: Timers = { turn, after: (delayMs, ring) => this.#after(delayMs, ring) }
    const files = filesInMemory(() => this.nowMs, timers)
    this.env = {
      clock: { now: () => this.nowMs, monotonic: () => this.#passedMs },
      timers,
      random: new SeededRandom(0),
      files,
      heartbeats: timerHeartbeats(timers, files),
    }
  }

  /** The wall clock. */
  get nowMs(): number {
    return this.#startMs + this.#passedMs
  }

  /** Moves the clock forward at once, and calls the timers that are due then, in the order of their times. */
  advance(ms: number): void {
    this.#passedMs += ms
    for (let next = this.#nextDue(); next !== undefined; next = this.#nextDue()) {
      this.#alarms.delete(next)
      next.ring()
    }
  }

  #after(delayMs: number, ring: () => void): Timer {
    // A timer that is due at once does not wait for the hand.
    if (delayMs <= 0) {
      const soon = setImmediate(ring)
      return { cancel: () => clearImmediate(soon) }
    }
    const alarm = { dueMs: this.#passedMs + delayMs, ring }
    this.#alarms.add(alarm)
    return { cancel: () => this.#alarms.delete(alarm) }
  }

  #nextDue(): Alarm | undefined {
    let next: Alarm | undefined
    for (const alarm of this.#alarms) {
      if (alarm.dueMs <= this.#passedMs && (next === undefined || alarm.dueMs < next.dueMs)) next = alarm
    }
    return next
  }
}

/** A disk of one process, which never crashes. What takes a real disk some time is done in the next turn of the event loop. */
function filesInMemory(nowMs: () => number, timers: Timers): FileSystem {
  const soon: Kernel['deliver'] = (_delayMs, _kind, run) => timers.after(0, run)
  const kernel: Kernel = {
    disk: new Disk(nowMs),
    random: new SeededRandom(0),
    check: () => undefined,
    enter: () => undefined,
    deliver: soon,
    complete: soon,
  }
  return new SimulatedFiles(kernel, 'still')
}
