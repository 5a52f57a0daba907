import { type Job, MillraceError } from '@millrace/core'
import type { ContainerOptions } from '@millrace/runtime'
import type { Machine } from '../machine/machine.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import type { Scenario } from './scenario.ts'
import type { Workload } from './workload.ts'

/** How often the containers that run the former job are stopped again: one that is starting cannot be stopped yet. */
const STOP_INTERVAL_MS = 100

/**
 * Replaces a world's job by a changed one while it runs: containers that start from a moment on are an upgrade, which waits for
 * those that still run the job as it was. These are stopped, one after the other.
 */
export class RollingUpgrade {
  readonly #machine: Machine
  readonly #atMs: number
  readonly #workload: Workload
  /** The processes that run the job as it was. */
  readonly #former = new Set<SimulatedProcess>()

  constructor(machine: Machine, { upgradeAtMs }: Scenario, workload: Workload) {
    this.#machine = machine
    this.#workload = workload
    this.#atMs = workload.changed === undefined ? Number.POSITIVE_INFINITY : (upgradeAtMs ?? Number.POSITIVE_INFINITY)
  }

  /** The job that the world runs in the end. */
  get finalJob(): Job {
    const { job, changed } = this.#workload
    return Number.isFinite(this.#atMs) && changed !== undefined ? changed.job : job
  }

  /** What a container that starts now runs. */
  optionsFor(process: SimulatedProcess): Pick<ContainerOptions, 'job' | 'upgrade' | 'acceptLoss' | 'idleAfterMs'> {
    const { job, changed, idleAfterMs } = this.#workload
    if (changed !== undefined && this.#machine.nowMs >= this.#atMs) return { ...changed, upgrade: true }
    this.#former.add(process)
    return { job, ...(idleAfterMs !== undefined && { idleAfterMs }) }
  }

  /** Stops the containers that run the former job, from the moment of the upgrade on. */
  begin(stop: (container: string) => void): void {
    if (!Number.isFinite(this.#atMs)) return
    const again = () => {
      const former = this.#machine.processes.filter((process) => this.#former.has(process))
      const next = former[this.#machine.random.below(Math.max(1, former.length))]
      if (next !== undefined) stop(next.name)
      this.#machine.after(STOP_INTERVAL_MS, again)
    }
    this.#machine.after(this.#atMs, again)
  }

  /** Whether a container ended because it was fenced, and then found the changed job in its place. */
  isReplaced(process: SimulatedProcess, error: unknown): boolean {
    return this.#former.has(process) && error instanceof MillraceError && error.code === 'JOB_CHANGED'
  }
}
