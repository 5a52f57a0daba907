import type { DiskCall } from '../machine/faults.ts'
import type { Machine } from '../machine/machine.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import type { StopPlan } from './scenario.ts'

/**
 * One container that stops at a call of the disk, as with SIGSTOP, and stays stopped until the world resumes it: until the
 * others have finished all work. Whatever it waited for comes due, and is not noticed.
 */
export class StoppedMember {
  readonly #machine: Machine
  readonly #plan: StopPlan | undefined
  #callsLeft: number
  #process: SimulatedProcess | undefined

  constructor(machine: Machine, plan: StopPlan | undefined) {
    this.#machine = machine
    this.#plan = plan
    this.#callsLeft = plan?.calls ?? 0
  }

  /** Notes a call that a process is about to make, and stops the process if it is the one of the plan. */
  note(call: DiskCall, name: string): void {
    const plan = this.#plan
    if (plan === undefined || this.#process !== undefined || this.#machine.nowMs < plan.fromMs) return
    if (!name.startsWith('container') || (plan.call !== undefined && plan.call !== call)) return
    if (this.#callsLeft-- > 0) return
    this.#process = this.#machine.processes.find((each) => each.name === name)
    this.#process?.pause()
  }

  /** Whether this container, or any, is stopped now. It may have been killed since. */
  isStopped(name = this.#process?.name): boolean {
    return this.#process?.state === 'paused' && this.#process.name === name
  }

  /** Resumes a process, unless it is the one that stays stopped. */
  resumeOther(process: SimulatedProcess): void {
    if (!this.isStopped(process.name)) process.resume()
  }

  resume(): void {
    this.#process?.resume()
  }
}
