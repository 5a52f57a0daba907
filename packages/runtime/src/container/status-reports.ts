import type { Env, JobStatus } from '@millrace/core'
import { ReplaySubject } from 'rxjs'

const STATUS_INTERVAL_MS = 250

/** A container's reports of its status: at every change of its phase, and regularly. */
export class StatusReports {
  readonly status = new ReplaySubject<JobStatus>(1)
  readonly #env: Env
  readonly #look: () => Pick<JobStatus, 'job' | 'tasks' | 'standbys' | 'problems'>
  #phase: JobStatus['phase'] = 'restoring'
  #timer: { cancel(): void } | undefined

  /** `look` returns the present status. */
  constructor(env: Env, look: () => Pick<JobStatus, 'job' | 'tasks' | 'standbys' | 'problems'>) {
    this.#env = env
    this.#look = look
  }

  get phase(): JobStatus['phase'] {
    return this.#phase
  }

  begin(): void {
    this.#report()
    this.#timer = this.#env.timers.after(STATUS_INTERVAL_MS, () => this.begin())
  }

  /** Reports another phase at once. */
  enter(phase: JobStatus['phase']): void {
    this.#phase = phase
    this.#report()
  }

  /** Keeps the last phase for the last report: how the container has ended. */
  leaveAs(phase: 'stopped' | 'failed'): void {
    this.#phase = phase
  }

  /** Stops the regular reports. */
  pause(): void {
    this.#timer?.cancel()
  }

  /** Reports for the last time. */
  end(): void {
    this.#report()
    this.status.complete()
  }

  #report(): void {
    this.status.next({ ...this.#look(), phase: this.#phase, atMs: this.#env.clock.monotonic() })
  }
}
