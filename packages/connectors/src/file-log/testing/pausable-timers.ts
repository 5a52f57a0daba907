import type { Env, Timer, Timers } from '@millrace/core'
import { timerHeartbeats } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'

/** An environment in which everything stops, including heartbeats, while its timers are paused. */
export function pausableEnv(timers: PausableTimers): Env {
  const env = nodeEnv()
  return { ...env, timers, heartbeats: timerHeartbeats(timers, env.files) }
}

/** Timers that stop while they are paused, as those of a stopped process; what is due then runs afterwards. */
export class PausableTimers implements Timers {
  readonly #timers: Timers
  #due: (() => void)[] | undefined

  constructor(timers: Timers) {
    this.#timers = timers
  }

  after(delayMs: number, callback: () => void): Timer {
    let cancelled = false
    const run = () => {
      if (cancelled) return
      if (this.#due === undefined) callback()
      else this.#due.push(run)
    }
    const timer = this.#timers.after(delayMs, run)
    return {
      cancel: () => {
        cancelled = true
        timer.cancel()
      },
    }
  }

  turn(): Promise<void> {
    return this.#timers.turn()
  }

  /** The returned function resumes the timers. */
  pause(): () => void {
    this.#due = []
    return () => {
      const due = this.#due ?? []
      this.#due = undefined
      for (const run of due) run()
    }
  }
}
