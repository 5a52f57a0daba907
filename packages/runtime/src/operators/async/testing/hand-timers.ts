import type { Timer } from '@millrace/core'
import type { Outside } from '../../../task/outside.ts'

/** Surroundings whose time a test moves. */
export class HandTimers implements Outside {
  #nowMs = 0
  readonly #alarms = new Set<{ readonly dueMs: number; readonly ring: () => void }>()
  readonly clock = { now: () => this.#nowMs, monotonic: () => this.#nowMs }
  readonly random = { next: () => 1, uuid: () => '' }
  readonly timers = {
    after: (delayMs: number, ring: () => void): Timer => {
      const alarm = { dueMs: this.#nowMs + delayMs, ring }
      this.#alarms.add(alarm)
      return { cancel: () => this.#alarms.delete(alarm) }
    },
    turn: () => Promise.resolve(),
  }
  woken = 0
  /** Set if what the task has read is not durable: settles when a test says so. */
  securing: Promise<void> | undefined

  secure(): Promise<void> | undefined {
    return this.securing
  }

  wake(): void {
    this.woken++
  }

  /** How many timers are set. */
  get set(): number {
    return this.#alarms.size
  }

  advance(ms: number): void {
    this.#nowMs += ms
    for (const alarm of [...this.#alarms].sort((a, b) => a.dueMs - b.dueMs)) {
      if (alarm.dueMs > this.#nowMs || !this.#alarms.delete(alarm)) continue
      alarm.ring()
    }
  }
}
