import { openFileLog } from '@millrace/connectors/file'
import type { Job, JobStatus, Log } from '@millrace/core'
import type { Machine } from '../../machine/machine.ts'
import type { SeededRandom } from '../../machine/seeded-random.ts'
import type { SimulatedProcess } from '../../machine/simulated-process.ts'
import { DATA } from '../audit.ts'
import { auditAllStores } from '../audit-all-stores.ts'
import type { ContentOf } from '../audit-stores.ts'
import { choose } from '../choose.ts'
import type { Scenario } from '../scenario.ts'
import { type SourcePartition, sourcePartitions } from '../source-partitions.ts'
import { allAtEnd, type RunContainer, type Workload } from '../workload.ts'
import { auditSteps, auditWatched } from './audit-steps.ts'
import { EVENTS, type Event, event, KINDS, textTopic } from './events.ts'
import { Service } from './service.ts'
import { stepsJob, topicsOf } from './steps-job.ts'
import { type StepsPlan, stepsPlan } from './steps-plan.ts'

const JOB = 'steps'
const KEYS = 6
const SIZES = 40
/** Event times begin here: records may be behind the first one. */
const FIRST_TIME_MS = 10_000
/** How far behind its partition an event may be. */
const BEHIND_MS_MAX = 300
/** Partitions have no times in common: else the order of two events with one time would depend on speed. */
const PARTITIONS_MAX = 3
/** The time that the job's callbacks take for an event. */
const WORK_MS = 1
/** Longer than any world lives, so that no input becomes idle. */
const NEVER_MS = 1e9
/** Later than everything else, and a time of the first partition: events of this time or a little later decide all that is before it. */
const END_MS = 999_999
/** More than the wall clock has jumped back, and longer than it takes to do what was due then. */
const WALL_MS = 1_000 * 3_600_000
const REMINDED_MS = 3000

/** Steps of the user's own, steps that look at the order of times, and calls of a service. */
export class StepsWorkload implements Workload {
  readonly job: Job
  readonly changed = undefined
  readonly batch: boolean
  readonly idleAfterMs = NEVER_MS
  readonly #machine: Machine
  readonly #scenario: Scenario
  readonly #random: SeededRandom
  readonly #plan: StepsPlan
  readonly #service: Service
  readonly #partitions: readonly SourcePartition[]
  #nextId = 0

  constructor(machine: Machine, scenario: Scenario) {
    const random = machine.random.fork('steps')
    this.#machine = machine
    this.#scenario = scenario
    this.#random = random
    this.#plan = stepsPlan(random)
    this.#service = new Service(machine)
    this.job = stepsJob(JOB, this.#plan, this.#service, () => machine.spend(WORK_MS))
    this.batch = random.chance(0.25)
    this.#partitions = sourcePartitions(EVENTS.name, KEYS, scenario.partitions)
  }

  get allProduced(): boolean {
    return this.#machine.nowMs >= this.#scenario.calmAtMs
  }

  async makeTopics(log: Log): Promise<void> {
    const { partitions, segmentBytes } = this.#scenario
    const outputs = topicsOf(this.#plan).map((name) => textTopic(name).name)
    for (const name of [EVENTS.name, ...outputs]) await log.admin.createTopic(name, { partitions, segmentBytes })
    await log.admin.createTopic(`${JOB}.changelog`, { partitions, segmentBytes: 2 * segmentBytes, cleanup: 'compact' })
    // A run to the end does not wait for a partition that has never had a record.
    await this.#append(log, this.#partitions, () => FIRST_TIME_MS)
  }

  async produce(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env, durability: this.#scenario.durability })
    const given = this.#partitions.filter(() => this.#random.chance(0.6))
    await this.#append(log, given, () => {
      const behindMs = this.#random.chance(0.6) ? 0 : this.#random.below(BEHIND_MS_MAX)
      return FIRST_TIME_MS + Math.floor(this.#machine.nowMs) - behindMs
    })
    await log.close()
  }

  witness(): undefined {
    return undefined
  }

  async audit(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env })
    await auditSteps(log, this.#plan, this.#service.acts, { endMs: undefined })
    await log.close()
  }

  async isDone(_log: Log, statuses: readonly JobStatus[]): Promise<boolean> {
    return allAtEnd(statuses)
  }

  async auditEnd(process: SimulatedProcess, run: RunContainer): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env })
    await this.#append(log, this.#partitions, () => END_MS)
    await (await run(true)).done
    // A run to the end leaves wall timers that are not due.
    this.#machine.jumpClock(WALL_MS)
    const container = await run(false)
    await new Promise<void>((resolve) => {
      this.#machine.after(REMINDED_MS, resolve)
    })
    if (this.#plan.watch !== undefined) await auditWatched(log, container)
    await container.stop()
    await auditSteps(log, this.#plan, this.#service.acts, { endMs: END_MS })
    await log.close()
  }

  auditStoresAmid(process: SimulatedProcess, contentOf: ContentOf): Promise<void> {
    return auditAllStores(process, [this.job], contentOf)
  }

  async auditStores(): Promise<void> {
    // An audit after the last record has compared them.
  }

  async #append(log: Log, partitions: readonly SourcePartition[], timeOf: () => number): Promise<void> {
    const writer = log.openWriter()
    for (const { topic, partition, keys } of partitions) {
      const to = await writer.openPartition(topic, partition)
      for (let count = 1 + this.#random.below(3); count > 0; count--) {
        const key = Buffer.from(choose(this.#random, keys))
        const time = timeOf()
        to.append(time - (time % PARTITIONS_MAX) + partition, key, 0, key.length, this.#event(), event, [])
      }
    }
    await writer.flush()
    await writer.close()
  }

  #event(): Event | null {
    const random = this.#random
    const made = { id: this.#nextId++, kind: choose(random, KINDS), size: random.below(SIZES) }
    return random.chance(0.1) ? null : made
  }
}
