import { openFileLog } from '@millrace/connectors/file'
import type { JobStatus } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import type { DiskCall, Fault } from '../machine/faults.ts'
import { Machine } from '../machine/machine.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { DATA } from './audit.ts'
import { auditDamage } from './audit-damage.ts'
import { auditProducers } from './audit-producers.ts'
import { ignoreExpectedRefusal, ignoreSetBack, isExpectedRefusal } from './expected-refusals.ts'
import { hold, Violation, violationOf } from './invariants.ts'
import { JoinsWorkload } from './joins/joins-workload.ts'
import { NextFault } from './next-fault.ts'
import { NodeSupervisor } from './node/node-supervisor.ts'
import { OrdersWorkload } from './orders-workload.ts'
import { type Scenario, SMALL_SEGMENT_BYTES, scenarioOf, TROUBLES, type Trouble } from './scenario.ts'
import { SimulatedLevels } from './simulated-levels.ts'
import { StartedContainers } from './started-containers.ts'
import { StepsWorkload } from './steps/steps-workload.ts'
import { StoppedMember } from './stopped-member.ts'
import type { Supervisor } from './supervisor.ts'
import { TablesWorkload } from './tables/tables-workload.ts'
import { taskCount } from './task-count.ts'
import { TimesWorkload } from './times-workload.ts'
import { WITNESS } from './witness.ts'
import type { Workload } from './workload.ts'
import { SESSION_TIMEOUT_MS, STATE, WorldContainers } from './world-containers.ts'

/** Once troubles stop, everything is processed within this time. */
const LIVENESS_MS = 60_000
const PRODUCER_LIFE_MS = 1000
const PRODUCER_PAUSE_MS = 80
/** Most of a node's steps must have records before and after them. */
const NODE_PRODUCER_PAUSE_MS = 300

/** What may run in a world. */
export const WORKLOADS = {
  orders: OrdersWorkload,
  plain: OrdersWorkload,
  node: OrdersWorkload,
  times: TimesWorkload,
  joins: JoinsWorkload,
  tables: TablesWorkload,
  steps: StepsWorkload,
} as const

export type WorldJob = keyof typeof WORKLOADS

/** How many of the worlds have a node that runs the job. */
const NODES: Readonly<Record<WorldJob, number>> = {
  orders: 0.15,
  plain: 0,
  node: 1,
  times: 0,
  joins: 0,
  tables: 0,
  steps: 0,
}

/** How a run ended: its scenario, and how much of it happened. */
export interface WorldReport {
  readonly scenario: Scenario
  readonly events: number
  readonly crashes: number
}

/**
 * A job that runs on a simulated machine, in several containers, while records come in and faults happen. Everything that
 * happens follows from the seed. Throws `Violation` if an invariant does not hold.
 */
export class World {
  readonly #machine: Machine
  readonly #scenario: Scenario
  readonly #levels: SimulatedLevels
  readonly #containers: WorldContainers
  readonly #workload: Workload
  readonly #supervisor: Supervisor
  readonly #fault = new NextFault()
  readonly #stopped: StoppedMember
  /** If other processes take a stopped one for dead, it learns that by then. */
  #allKnowAtMs: number
  #allProduced = false
  #calm = false
  #crashes = 0
  #stateLost = false
  #failure: { readonly error: unknown } | undefined
  #names = 0

  constructor(seed: number, troubles: readonly Trouble[] = TROUBLES, job: WorldJob = 'orders') {
    this.#machine = new Machine(seed)
    this.#scenario = scenarioOf(this.#machine.random, troubles, NODES[job])
    this.#workload = new WORKLOADS[job](this.#machine, this.#scenario)
    this.#levels = new SimulatedLevels(this.#machine.disk)
    this.#containers = new WorldContainers(this.#scenario, this.#levels)
    this.#supervisor = this.#newSupervisor()
    this.#stopped = new StoppedMember(this.#machine, this.#scenario.stop)
    this.#allKnowAtMs = this.#scenario.calmAtMs + SESSION_TIMEOUT_MS
    this.#machine.faults = (call, _path, process) => this.#faultAt(call, process)
  }

  async run(): Promise<WorldReport> {
    const { troubles, calmAtMs } = this.#scenario
    await this.#settle(this.#makeTopics())
    this.#watch()
    this.#supervisor.begin()
    this.#produceSoon()
    for (const { atMs, kind } of troubles) {
      await this.#machine.run(() => this.#machine.nowMs >= atMs || this.#failure !== undefined, { withinMs: atMs })
      this.#check()
      await this.#cause(kind)
    }
    await this.#machine.run(() => this.#machine.nowMs >= calmAtMs || this.#failure !== undefined, {
      withinMs: calmAtMs,
    })
    await this.#end()
    return { scenario: this.#scenario, events: this.#machine.events, crashes: this.#crashes }
  }

  #newSupervisor(): Supervisor {
    const options = {
      machine: this.#machine,
      scenario: this.#scenario,
      workload: this.#workload,
      containers: this.#containers,
      isDisturbed: () => this.#crashes > 0 || this.#stopped.isStopped(),
      fail: (error: unknown) => this.#fail(error),
    }
    return this.#scenario.nodeSteps === undefined ? new StartedContainers(options) : new NodeSupervisor(options)
  }

  /** Makes the witness check every step. */
  #watch(): void {
    const witness = this.#workload.witness()
    if (witness === undefined) return
    this.#machine.listen(() => {
      try {
        if (this.#failure === undefined) witness.look()
      } catch (error) {
        this.#fail(error)
      }
    })
  }

  async #makeTopics(): Promise<void> {
    const { env } = this.#machine.process('admin')
    const log = await openFileLog({ directory: DATA, env })
    await this.#workload.makeTopics(log)
    await log.close()
  }

  /** Appends some orders in their own process, flushes, and appends more later. */
  #produceSoon(): void {
    if (this.#workload.allProduced) {
      this.#allProduced = true
      return
    }
    const pauseMs = this.#scenario.nodeSteps === undefined ? PRODUCER_PAUSE_MS : NODE_PRODUCER_PAUSE_MS
    this.#machine.after(this.#machine.random.between(1, pauseMs), () => {
      const process = this.#machine.process(`producer-${++this.#names}`)
      let over = false
      const continueOnce = () => {
        if (over) return
        over = true
        process.crash()
        this.#produceSoon()
      }
      this.#workload
        .produce(process)
        .catch((error: unknown) => {
          if (process.state !== 'crashed' && !isExpectedRefusal(error)) this.#fail(error)
        })
        .finally(continueOnce)
      // A process that was killed never settles its promise.
      this.#machine.after(PRODUCER_LIFE_MS, continueOnce)
    })
  }

  async #cause(kind: Trouble): Promise<void> {
    const { random } = this.#machine
    const victims = this.#machine.processes.filter(({ name }) => name !== WITNESS)
    const victim = victims[random.below(Math.max(1, victims.length))]
    this.#crashes++
    switch (kind) {
      case 'kill':
        if (victim !== undefined) this.#kill(victim)
        break
      case 'pause':
        victim?.pause()
        if (victim !== undefined) this.#machine.after(random.between(50, 1500), () => this.#stopped.resumeOther(victim))
        break
      case 'power cut':
        this.#powerCut()
        break
      case 'lost state':
        if (victim !== undefined) this.#kill(victim)
        this.#machine.disk.wipe(STATE)
        this.#stateLost = true
        break
      case 'clock jump':
        this.#machine.jumpClock(random.chance(0.5) ? 3_600_000 : -3_600_000)
        break
      case 'leave':
        this.#supervisor.leave()
        break
      case 'full disk':
        this.#fault.comesAfter(random.below(60), 'write', 'ENOSPC')
        break
      case 'failing write':
        this.#fault.comesAfter(random.below(60), 'write', 'EIO')
        break
      case 'torn write':
        this.#fault.comesAfter(random.below(60), 'write', 'torn')
        break
      case 'failing store':
        this.#levels.failAfter(random.below(10))
        break
      case 'failing sync':
        this.#fault.comesAfter(random.below(20), 'sync', 'EIO')
        break
    }
    if (random.chance(0.3)) await this.#audit()
  }

  #kill(victim: SimulatedProcess): void {
    victim.crash()
    this.#supervisor.died(victim.name)
  }

  #powerCut(): void {
    this.#machine.powerCut()
    this.#levels.powerCut(this.#machine.random)
    this.#supervisor.lostPower()
  }

  #faultAt(call: DiskCall, process: string): Fault | undefined {
    if (this.#calm) return undefined
    this.#stopped.note(call, process)
    const fault = this.#fault.at(call, process)
    // The process dies in this call; no event reports its death.
    if (fault === 'torn') this.#supervisor.died(process)
    return fault
  }

  /** Runs the job until everything is processed, stops it, and checks everything. */
  async #end(): Promise<void> {
    this.#calm = true
    this.#levels.failAfter(undefined)
    for (const process of this.#machine.processes) this.#stopped.resumeOther(process)
    await this.#untilDone()
    if (this.#stopped.isStopped()) {
      this.#stopped.resume()
      this.#allKnowAtMs = this.#machine.nowMs + SESSION_TIMEOUT_MS
      await this.#untilDone()
    }
    await this.#stopAndCheck()
  }

  async #untilDone(): Promise<void> {
    const endMs = this.#machine.nowMs + LIVENESS_MS
    while (!(await this.#settle(this.#isDone()))) {
      const invariant = this.#stopped.isStopped() ? 'a stopped member blocks no other' : 'liveness'
      hold(invariant, this.#machine.nowMs < endMs, () => `after ${LIVENESS_MS} ms without faults there is lag`)
      const lookMs = this.#machine.nowMs + 250
      await this.#machine.run(() => this.#machine.nowMs >= lookMs || this.#failure !== undefined, { withinMs: 250 })
      this.#check()
    }
  }

  async #stopAndCheck(): Promise<void> {
    await this.#settle(this.#supervisor.stop())
    await this.#audit()
    const process = this.#machine.process('auditor')
    await this.#settle(this.#workload.auditEnd(process, (untilEnd) => this.#runAlone(process, untilEnd)))
    const stores = {
      contentOf: (directory: string) => this.#levels.contentOf(directory),
      // After a store was deleted, a container that still runs with it leaves no files. And if compaction has passed a store's
      // position while its task moved, a stop may interrupt the rebuild of the store.
      complete: !this.#stateLost && this.#scenario.segmentBytes > SMALL_SEGMENT_BYTES,
    }
    await this.#settle(this.#workload.auditStores(process, stores))
    await this.#settle(auditProducers(process))
    if (this.#scenario.flippedBit) await this.#settle(this.#damage(process))
    this.#check()
  }

  /** Starts a container in one of the world's processes, which is then the only one. */
  #runAlone(auditor: SimulatedProcess, untilEnd: boolean): Promise<Container> {
    this.#killAllBut(auditor)
    const process = this.#machine.process(`alone-${++this.#names}`)
    return this.#containers.open(process, { ...this.#supervisor.jobFor(process), untilEnd })
  }

  #killAllBut(auditor: SimulatedProcess): void {
    // A container that is still starting is not in any list yet.
    for (const process of this.#machine.processes) if (process !== auditor) process.crash()
  }

  /** Damages the log at the end, and opens all tasks from scratch with what the log still has. */
  async #damage(auditor: SimulatedProcess): Promise<void> {
    this.#machine.listen(undefined)
    this.#killAllBut(auditor)
    const again = async () => {
      this.#machine.disk.wipe(STATE)
      const process = this.#machine.process('again')
      const container = await this.#containers.open(process, { ...this.#supervisor.jobFor(process), untilEnd: true })
      await container.done
    }
    const isRight = await auditDamage(auditor, this.#machine.random.fork('damage'), again)
    const contentOf = (directory: string) => this.#levels.contentOf(directory)
    if (isRight) await this.#workload.auditStores(auditor, { contentOf, complete: true })
  }

  /** The last statuses of the containers that run. */
  get #latest(): readonly JobStatus[] {
    const running = this.#containers.names.filter((name) => !this.#stopped.isStopped(name))
    return running.flatMap((name) => this.#containers.status(name) ?? [])
  }

  /** Whether every task is open in some container that runs. */
  get #allOpen(): boolean {
    const open = this.#latest.reduce((sum, status) => sum + status.tasks.length, 0)
    return open === taskCount(this.#supervisor.job, this.#workload, this.#scenario)
  }

  async #isDone(): Promise<boolean> {
    const allKnow = this.#machine.nowMs >= this.#allKnowAtMs
    // Batch runs start and end all the time: their results are checked at the end.
    if (this.#workload.batch) return this.#allProduced && allKnow
    if (!this.#allProduced || !this.#supervisor.isSettled || !this.#allOpen || !allKnow) return false
    const process = this.#machine.process('observer')
    const log = await openFileLog({ directory: DATA, env: process.env })
    const done = await this.#workload.isDone(log, this.#latest)
    await log.close()
    process.crash()
    return done && this.#allOpen
  }

  async #audit(): Promise<void> {
    const process = this.#machine.process(`auditor-${++this.#names}`)
    const ignore = this.#scenario.nodeSteps === undefined ? ignoreExpectedRefusal : ignoreSetBack
    await this.#settle(this.#workload.audit(process).catch(ignore))
    if (this.#scenario.segmentBytes > SMALL_SEGMENT_BYTES) {
      const contentOf = (directory: string) => this.#levels.contentOf(directory)
      await this.#settle(this.#workload.auditStoresAmid(process, contentOf).catch(ignore))
    }
    process.crash()
  }

  /** Runs the machine until one of the world's own promises is settled. */
  async #settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const note = () => {
      settled = true
    }
    promise.then(note, note)
    const end = await this.#machine.run(() => settled || this.#failure !== undefined, { withinMs: LIVENESS_MS })
    this.#check()
    if (!settled) throw new Violation('liveness', `what was waited for did not happen (${end})`)
    return promise
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
  }

  #check(): void {
    if (this.#failure === undefined) return
    throw violationOf(this.#failure.error)
  }
}
