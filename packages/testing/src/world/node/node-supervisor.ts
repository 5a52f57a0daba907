import { openFileLog } from '@millrace/connectors/file'
import { type Job, MillraceError } from '@millrace/core'
import { type ContainerReport, type ContainerSpec, Node } from '@millrace/runtime'
import type { SimulatedProcess } from '../../machine/simulated-process.ts'
import { DATA } from '../audit.ts'
import { isExpectedRefusal } from '../expected-refusals.ts'
import type { Supervisor, SupervisorOptions } from '../supervisor.ts'
import type { ContainerJob } from '../world-containers.ts'
import { ChildContainer } from './child-container.ts'
import { NodeOperator, type RunningNode } from './node-operator.ts'
import { isRefusedAmidFaults } from './node-refusals.ts'
import type { NodeStep } from './node-steps.ts'
import { ORDERS_VERSIONS, type OrdersVersion } from './order-versions.ts'
import { VersionArtefacts } from './version-artefacts.ts'

/** Shorter than most steps of a world are apart, and longer than a container needs to fail at an order that waits for it. */
const HEALTHY_AFTER_MS = 150
/** How often the job is looked at once all steps are done. */
const LOOK_MS = 200

/** A node runs the job of the world, and a person requests the steps of the scenario. */
export class NodeSupervisor implements Supervisor {
  readonly #options: SupervisorOptions
  readonly #artefacts = new VersionArtefacts()
  readonly #operator: NodeOperator
  #running: RunningNode | undefined
  /** Waits for a node that runs. */
  #wanted = Promise.withResolvers<RunningNode>()
  #stepsDone = false
  #stopping = false
  #started = 0
  /** By the names of their processes. */
  readonly #children = new Map<string, ChildContainer>()
  /** What ran last. */
  #version: OrdersVersion = ORDERS_VERSIONS.first

  constructor(options: SupervisorOptions) {
    const { machine, scenario } = options
    this.#options = options
    this.#operator = new NodeOperator(this.#artefacts, machine.random.fork('operator'), scenario.containers)
  }

  get job(): Job {
    return this.#present.job
  }

  get isSettled(): boolean {
    return this.#stepsDone && this.#running !== undefined && this.#operator.isWell(this.#running.node)
  }

  begin(): void {
    this.#startNode()
    this.#work().catch(this.#options.fail)
  }

  jobFor(): ContainerJob {
    const { job, acceptLoss } = this.#present
    return { job, acceptLoss, upgrade: true }
  }

  died(name: string): void {
    this.#options.containers.remove(name)
  }

  lostPower(): void {
    for (const name of this.#options.containers.names) this.died(name)
  }

  leave(): void {
    const { machine, containers } = this.#options
    const names = containers.names.filter((name) => this.#children.has(name))
    const name = names[machine.random.below(Math.max(1, names.length))]
    if (name !== undefined) this.#children.get(name)?.stop()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#version = this.#present
    await this.#running?.node.close()
  }

  get #present(): OrdersVersion {
    return this.#running === undefined || this.#stopping ? this.#version : this.#operator.versionOf(this.#running.node)
  }

  #startNode(): void {
    const { machine, scenario, containers, fail } = this.#options
    const process = machine.process('node')
    process.whenEnded(() => {
      if (this.#running?.process === process) {
        this.#running = undefined
        this.#wanted = Promise.withResolvers()
      }
      if (!this.#stopping) machine.after(machine.random.between(10, 200), () => this.#startNode())
    })
    const open = async () => {
      const { durability, groupBatchBytesMax } = scenario
      const log = await openFileLog({ directory: DATA, env: process.env, durability, groupBatchBytesMax })
      const node = await Node.open({
        log,
        env: process.env,
        data: DATA,
        start: (spec) => this.#startContainer(process, spec),
        healthyAfterMs: HEALTHY_AFTER_MS,
        engine: containers.engineFor(process),
      })
      this.#running = { node, process }
      this.#wanted.resolve(this.#running)
    }
    open().catch((error: unknown) => {
      if (process.state !== 'crashed' && !isExpectedRefusal(error)) fail(error)
      process.crash()
    })
  }

  #startContainer(node: SimulatedProcess, spec: ContainerSpec): ChildContainer {
    const { machine } = this.#options
    const number = ++this.#started
    const process = machine.process(`container-${number}`)
    process.whenEnded(() => {
      this.#options.containers.remove(process.name)
      this.#children.delete(process.name)
    })
    const startMs = machine.random.between(1, 30)
    const child = new ChildContainer(node, process, number, startMs, (_, signal, report) =>
      this.#runContainer(process, spec, signal, report),
    )
    this.#children.set(process.name, child)
    return child
  }

  /** What `millrace container` does. */
  async #runContainer(
    process: SimulatedProcess,
    { artefact, acceptLoss, untilEnd, settings }: ContainerSpec,
    signal: AbortSignal,
    report: (report: ContainerReport) => void,
  ): Promise<void> {
    const version = this.#artefacts.versionOf(artefact)
    try {
      if (signal.aborted) return
      const container = await this.#options.containers.open(process, {
        job: ORDERS_VERSIONS[version].job,
        acceptLoss,
        untilEnd,
        guarantee: settings.guarantee,
        upgrade: true,
        signal,
        onNotice: (text) => report({ kind: 'line', level: 'info', text }),
        onWaiting: () => report({ kind: 'waiting' }),
        onRestore: (progress) => report({ kind: 'restoring', progress }),
      })
      container.status.subscribe((status) => report({ kind: 'status', status }))
      report({ kind: 'running', url: `http://${process.name}`, address: `unix:/${process.name}` })
      const end = () => void container.stop().catch(() => undefined)
      if (signal.aborted) end()
      else signal.addEventListener('abort', end, { once: true })
      await container.done
      if (!signal.aborted) report({ kind: 'finished' })
    } catch (error) {
      const isStopped = signal.aborted && error === signal.reason
      const isMeant = version === 'failing' && error instanceof MillraceError && error.code === 'CALLBACK_FAILED'
      if (process.state !== 'crashed' && !isStopped && !isMeant && !this.#isJustified(error)) this.#options.fail(error)
      throw error
    }
  }

  /** Does the steps, and then what the job needs to run. */
  async #work(): Promise<void> {
    const { machine, scenario } = this.#options
    for (const step of [{ kind: 'deploy', version: 'first', atMs: 0 } as const, ...(scenario.nodeSteps ?? [])]) {
      await this.#until(step.atMs)
      const running = await this.#node()
      const isMeant = startsFailing(step, this.#operator.versionOf(running.node))
      const end = await this.#operator.act(running, step)
      if (typeof end !== 'string') this.#checkRefusal(end.refused, isMeant)
    }
    this.#stepsDone = true
    while (!this.#stopping) {
      const running = await this.#node()
      const next = this.#operator.next(running.node)
      const end = next === undefined ? 'done' : await this.#operator.act(running, next)
      if (typeof end !== 'string') this.#checkRefusal(end.refused, false)
      await this.#until(machine.nowMs + LOOK_MS)
    }
  }

  #checkRefusal(error: MillraceError, isMeant: boolean): void {
    if (isMeant && error.code === 'DEPLOY_FAILED') return
    if (!this.#isJustified(error)) throw error
  }

  #isJustified(error: unknown): boolean {
    return isExpectedRefusal(error) || (this.#options.isDisturbed() && isRefusedAmidFaults(error))
  }

  #until(atMs: number): Promise<void> {
    const { machine } = this.#options
    return new Promise((resolve) => void machine.after(Math.max(0, atMs - machine.nowMs), resolve))
  }

  #node(): Promise<RunningNode> {
    return this.#running === undefined ? this.#wanted.promise : Promise.resolve(this.#running)
  }
}

/** Whether a step starts containers of the version that fails, and waits until they are healthy. */
function startsFailing(step: NodeStep, present: OrdersVersion): boolean {
  if (step.kind === 'deploy') return step.version === 'failing'
  // It may have been deployed between two orders at which it fails.
  return step.kind === 'restart' && present === ORDERS_VERSIONS.failing
}
