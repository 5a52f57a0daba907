import { openFileLog } from '@millrace/connectors/file'
import type { JobStatus } from '@millrace/core'
import { type Container, type ContainerOptions, startContainer } from '@millrace/runtime'
import type { LevelEngine } from '@millrace/state'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { DATA } from './audit.ts'
import type { Scenario } from './scenario.ts'
import type { SimulatedLevels } from './simulated-levels.ts'

export const STATE = `${DATA}/state`
/** Shorter than most pauses: other processes take over from a process that is only stopped. */
export const SESSION_TIMEOUT_MS = 400

/** What a container runs, and how. */
export type ContainerJob = Omit<ContainerOptions, 'log' | 'env' | 'stateDirectory' | 'engine' | 'sessionTimeoutMs'>

/** The containers that run in a world, each in its own process, by the names of the processes. */
export class WorldContainers {
  readonly #scenario: Scenario
  readonly #levels: SimulatedLevels
  readonly #running = new Map<string, Container>()
  /** The last status of each container. */
  readonly #statuses = new Map<string, JobStatus>()

  constructor(scenario: Scenario, levels: SimulatedLevels) {
    this.#scenario = scenario
    this.#levels = levels
  }

  /** Starts a container in a process. */
  async open(process: SimulatedProcess, job: ContainerJob): Promise<Container> {
    const { commitIntervalMs, durability, groupBatchBytesMax, standbys } = this.#scenario
    const log = await openFileLog({ directory: DATA, env: process.env, durability, groupBatchBytesMax })
    const container = await startContainer({
      commitIntervalMs,
      standbys,
      ...job,
      log,
      env: process.env,
      stateDirectory: STATE,
      engine: this.#levels.engineFor(process),
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
    })
    this.#running.set(process.name, container)
    container.status.subscribe((status) => this.#statuses.set(process.name, status))
    return { ...container, done: container.done.then(() => log.close()) }
  }

  /** The store in which a process keeps the state. */
  engineFor(process: SimulatedProcess): LevelEngine {
    return this.#levels.engineFor(process)
  }

  get names(): readonly string[] {
    return [...this.#running.keys()]
  }

  get(name: string): Container | undefined {
    return this.#running.get(name)
  }

  /** The last status of a container. */
  status(name: string): JobStatus | undefined {
    return this.#statuses.get(name)
  }

  /** A container's process has ended. */
  remove(name: string): void {
    this.#running.delete(name)
  }
}
