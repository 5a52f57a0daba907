import type { Job } from '@millrace/core'
import type { Machine } from '../machine/machine.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import type { Scenario } from './scenario.ts'
import type { Workload } from './workload.ts'
import type { ContainerJob, WorldContainers } from './world-containers.ts'

/** Keeps the job of a world running: the world itself, or a node. */
export interface Supervisor {
  /** The job that runs now. */
  readonly job: Job
  /** Whether nothing more is to be changed: the job that runs now runs to the end. */
  readonly isSettled: boolean
  begin(): void
  /** What a container runs that the world starts for itself at the end. */
  jobFor(process: SimulatedProcess): ContainerJob
  /** A fault has ended a process. */
  died(name: string): void
  /** A power cut has ended all processes. */
  lostPower(): void
  /** Stops one of the containers, as if a person had done it. */
  leave(): void
  /** Ends the job. Nothing is started any more. */
  stop(): Promise<void>
}

/** What a supervisor works with. */
export interface SupervisorOptions {
  readonly machine: Machine
  readonly scenario: Scenario
  readonly workload: Workload
  readonly containers: WorldContainers
  /** Whether the world has caused a fault by now. */
  readonly isDisturbed: () => boolean
  /** Reports what no fault justifies. */
  readonly fail: (error: unknown) => void
}
