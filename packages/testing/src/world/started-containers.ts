import type { Job } from '@millrace/core'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { isExpectedRefusal } from './expected-refusals.ts'
import { RollingUpgrade } from './rolling-upgrade.ts'
import type { Supervisor, SupervisorOptions } from './supervisor.ts'
import type { ContainerJob } from './world-containers.ts'

/** The world starts the containers of its job, and starts each again when it ends. */
export class StartedContainers implements Supervisor {
  readonly #options: SupervisorOptions
  readonly #upgrade: RollingUpgrade
  #stopping = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#upgrade = new RollingUpgrade(options.machine, options.scenario, options.workload)
  }

  get job(): Job {
    return this.#upgrade.finalJob
  }

  get isSettled(): boolean {
    return true
  }

  begin(): void {
    for (const name of this.#names) this.#start(name)
    this.#upgrade.begin((name) => this.#leave(name))
  }

  jobFor(process: SimulatedProcess): ContainerJob {
    return this.#upgrade.optionsFor(process)
  }

  died(name: string): void {
    this.#options.containers.remove(name)
    if (name.startsWith('container')) this.#startSoon(name)
  }

  lostPower(): void {
    for (const name of this.#names) this.died(name)
  }

  leave(): void {
    const { machine, scenario } = this.#options
    this.#leave(`container-${machine.random.below(scenario.containers)}`)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    for (const name of this.#names) await this.#options.containers.get(name)?.stop()
  }

  get #names(): readonly string[] {
    return Array.from({ length: this.#options.scenario.containers }, (_, index) => `container-${index}`)
  }

  /** Starts a container in its own process; when it ends, another one is started. */
  #start(name: string): void {
    const process = this.#options.machine.process(name)
    this.#run(process).then(
      () => this.#ended(process),
      (error: unknown) => {
        const isOver = process.state === 'crashed' || this.#upgrade.isReplaced(process, error)
        if (isOver || isExpectedRefusal(error)) this.#ended(process)
        else this.#options.fail(error)
      },
    )
  }

  async #run(process: SimulatedProcess): Promise<void> {
    const { containers, workload } = this.#options
    const container = await containers.open(process, { ...this.jobFor(process), untilEnd: workload.batch })
    await container.done
  }

  #ended(process: SimulatedProcess): void {
    process.crash()
    this.died(process.name)
  }

  #startSoon(name: string): void {
    const { machine } = this.#options
    machine.after(machine.random.between(10, 200), () => {
      const alive = machine.processes.some((each) => each.name === name)
      if (!alive && !this.#stopping) this.#start(name)
    })
  }

  #leave(name: string): void {
    const { machine, containers, fail } = this.#options
    const process = machine.processes.find((each) => each.name === name)
    const container = containers.get(name)
    if (process?.state !== 'running' || container === undefined) return
    container.stop().catch((error: unknown) => {
      if (process.state !== 'crashed') fail(error)
    })
  }
}
