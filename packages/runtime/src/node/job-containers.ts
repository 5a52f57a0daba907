import type { Env, Release, StatedError } from '@millrace/core'
import { filter, firstValueFrom } from 'rxjs'
import type { ContainerLogs } from './container-logs.ts'
import type { StartContainer } from './container-process.ts'
import { ContainerSlot } from './container-slot.ts'

/** What the containers of a job need. */
export interface JobContainersOptions {
  readonly job: string
  readonly release: Release
  readonly env: Pick<Env, 'clock' | 'timers'>
  readonly start: StartContainer
  readonly logs: ContainerLogs
  /** The stores that may start empty. */
  readonly acceptLoss: readonly string[]
  /** Whether they end once everything that the inputs hold is processed. */
  readonly untilEnd: boolean
  /** Names a container that is new, other than all that ran before it. */
  readonly newName: () => string
  /** Called when a container is given up. */
  readonly onFailed: (containers: JobContainers, error: StatedError) => void
}

/** A container of a job: its name, and the place where it runs. */
export interface NamedSlot {
  readonly name: string
  readonly slot: ContainerSlot
}

/** The containers that run one release of a job. */
export class JobContainers {
  readonly release: Release
  readonly #options: JobContainersOptions
  readonly #containers: NamedSlot[] = []

  constructor(options: JobContainersOptions) {
    this.release = options.release
    this.#options = options
  }

  /** The containers, in the order in which they were added. */
  get all(): readonly NamedSlot[] {
    return this.#containers
  }

  /** Adds a container, and starts it. */
  add(): NamedSlot {
    const { job, release, start, logs, env, acceptLoss, untilEnd, newName, onFailed } = this.#options
    const name = newName()
    const { artefact, settings } = release
    const container = {
      name,
      slot: new ContainerSlot({
        env,
        start: () => start({ job, container: name, artefact, settings, acceptLoss, untilEnd, planOnly: false }),
        print: (level, text) => logs.print(job, name, level, text),
      }),
    }
    this.#containers.push(container)
    container.slot.states.subscribe(({ phase, error }) => {
      if (phase === 'failed' && error !== null) onFailed(this, error)
    })
    container.slot.start()
    return container
  }

  /** Adds containers until there are as many as the release is to have. */
  fill(): void {
    while (this.#containers.length < this.release.settings.containers) this.add()
  }

  /** Resolves when each of the containers runs, or has failed for the first time. */
  async settled(): Promise<void> {
    const phases = ['running', 'restarting', 'failed', 'stopped']
    const reached = ({ slot }: NamedSlot) =>
      firstValueFrom(slot.states.pipe(filter(({ phase }) => phases.includes(phase))))
    await Promise.all(this.#containers.map(reached))
  }

  /** Adds or removes containers, until there are so many. */
  async scaleTo(containers: number): Promise<void> {
    while (this.#containers.length < containers) this.add()
    // The newest go first: the tasks of the others stay where they are.
    for (const container of this.#containers.slice(containers).reverse()) await this.remove(container)
  }

  /** Stops a container, and removes it. */
  async remove({ name, slot }: NamedSlot): Promise<void> {
    await slot.stop()
    const at = this.#containers.findIndex((container) => container.name === name)
    if (at >= 0) this.#containers.splice(at, 1)
  }

  /** Stops all containers, all at once, and removes them. */
  async removeAll(): Promise<void> {
    await Promise.all(this.#containers.map(({ slot }) => slot.stop()))
    this.#containers.length = 0
  }
}
