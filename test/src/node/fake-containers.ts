import type { PlannedStart } from '@millrace/core'
import type { ContainerProcess, ContainerReport, ContainerSpec } from '@millrace/runtime'
import { Subject } from 'rxjs'

type End = Awaited<ContainerProcess['ended']>

/** A container's process that does what a test says. */
export class FakeContainer implements ContainerProcess {
  readonly spec: ContainerSpec
  readonly pid: number
  readonly reports = new Subject<ContainerReport>()
  readonly ended: Promise<End>
  stopRequested = false
  killed = false
  hasEnded = false
  /** Whether it ignores the request to stop, as one in an endless callback does. */
  hangs = false
  readonly #end: (end: End) => void

  constructor(spec: ContainerSpec, pid: number) {
    this.spec = spec
    this.pid = pid
    const { promise, resolve } = Promise.withResolvers<End>()
    this.ended = promise
    this.#end = resolve
  }

  run(): void {
    this.reports.next({ kind: 'running', url: `http://127.0.0.1:${this.pid}`, address: `unix:/${this.pid}` })
  }

  /** Reports a plan, and ends. */
  plan(planned: PlannedStart): void {
    this.reports.next({ kind: 'planned', planned })
    this.#finish(null)
  }

  fail(error: End['error']): void {
    this.#finish(error)
  }

  stop(): void {
    this.stopRequested = true
    if (!this.hangs) this.#finish(null)
  }

  kill(): void {
    this.killed = true
    this.#finish(null)
  }

  #finish(error: End['error']): void {
    if (this.hasEnded) return
    this.hasEnded = true
    this.reports.complete()
    this.#end({ error })
  }
}

/** Starts fake containers. What each does once it is started is decided by `behave`. */
export class FakeContainers {
  readonly all: FakeContainer[] = []
  behave: (container: FakeContainer) => void = (container) => container.run()

  /** The artefact of which no container can be started. */
  refuse: string | undefined

  readonly start = (spec: ContainerSpec): FakeContainer => {
    if (spec.artefact === this.refuse) throw new Error('no memory')
    const running = this.all.filter(({ spec }) => !spec.planOnly)
    const container = new FakeContainer(spec, running.length + 1)
    this.all.push(container)
    // A process reports after it was started.
    setImmediate(() => this.behave(container))
    return container
  }

  /** Those that have not ended. */
  get alive(): readonly FakeContainer[] {
    return this.all.filter(({ hasEnded }) => !hasEnded)
  }

  /** The artefacts of those that have not ended. */
  get artefacts(): readonly string[] {
    return this.alive.map(({ spec }) => spec.artefact)
  }
}
