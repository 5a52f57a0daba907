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
import { auditJoins, auditRepeats } from './audit-joins.ts'
import { idTopic, type JoinPlan, joinPlans, joinsJob, LEFT, lateTopic, pairsTopic, RIGHT } from './joins-job.ts'

const JOB = 'joins'
const KEYS = 8
/** Event times begin here: records may be behind the first one. */
const FIRST_TIME_MS = 10_000
/** How far behind its partition a record may be, and how far behind the left topic the right one. */
const BEHIND_MS_MAX = 300
const SKEW_MS_MAX = 1200
/** The time that the job's callbacks take for a pair. */
const WORK_MS = 1
/** Longer than any world lives, so that no input becomes idle. */
const NEVER_MS = 1e9
/** Later than everything else: a record of this time in each partition decides all that is before it. */
const END_MS = 1_000_000

interface SkewedPartition extends SourcePartition {
  readonly skewMs: number
}

/** Joins of two topics, in several ways at once. */
export class JoinsWorkload implements Workload {
  readonly job: Job
  readonly changed = undefined
  readonly batch: boolean
  readonly idleAfterMs = NEVER_MS
  readonly #machine: Machine
  readonly #scenario: Scenario
  readonly #random: SeededRandom
  readonly #plans: readonly JoinPlan[]
  readonly #partitions: readonly SkewedPartition[]
  #nextId = 0

  constructor(machine: Machine, scenario: Scenario) {
    const random = machine.random.fork('joins')
    this.#machine = machine
    this.#scenario = scenario
    this.#random = random
    this.#plans = joinPlans(random)
    this.job = joinsJob(JOB, this.#plans, () => machine.spend(WORK_MS))
    this.batch = random.chance(0.25)
    this.#partitions = partitionsOfBoth(random, scenario.partitions)
  }

  get allProduced(): boolean {
    return this.#machine.nowMs >= this.#scenario.calmAtMs
  }

  async makeTopics(log: Log): Promise<void> {
    const { partitions, segmentBytes } = this.#scenario
    const outputs = this.#plans.flatMap(({ name }) => [
      pairsTopic(name).name,
      lateTopic(name, 'left').name,
      lateTopic(name, 'right').name,
    ])
    for (const name of [LEFT, RIGHT, ...outputs]) await log.admin.createTopic(name, { partitions, segmentBytes })
    await log.admin.createTopic(`${JOB}.changelog`, { partitions, segmentBytes: 2 * segmentBytes, cleanup: 'compact' })
    // A run to the end does not wait for a partition that has never had a record.
    await this.#append(log, this.#partitions, () => FIRST_TIME_MS - SKEW_MS_MAX)
  }

  async produce(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env, durability: this.#scenario.durability })
    const given = this.#partitions.filter(() => this.#random.chance(0.6))
    await this.#append(log, given, ({ skewMs }) => {
      const behindMs = this.#random.chance(0.6) ? 0 : this.#random.below(BEHIND_MS_MAX)
      return FIRST_TIME_MS + Math.floor(this.#machine.nowMs) - skewMs - behindMs
    })
    await log.close()
  }

  witness(): undefined {
    return undefined
  }

  async audit(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env })
    await auditRepeats(log, this.#plans)
    await log.close()
  }

  async isDone(_log: Log, statuses: readonly JobStatus[]): Promise<boolean> {
    return allAtEnd(statuses)
  }

  async auditEnd(process: SimulatedProcess, run: RunContainer): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env })
    await this.#append(log, this.#partitions, () => END_MS)
    await (await run(true)).done
    await auditRepeats(log, this.#plans)
    await auditJoins(log, this.#plans, END_MS)
    await log.close()
  }

  auditStoresAmid(process: SimulatedProcess, contentOf: ContentOf): Promise<void> {
    return auditAllStores(process, [this.job], contentOf)
  }

  async auditStores(): Promise<void> {
    // An audit after the last record has compared them.
  }

  async #append(
    log: Log,
    partitions: readonly SkewedPartition[],
    timeOf: (partition: SkewedPartition) => number,
  ): Promise<void> {
    const writer = log.openWriter()
    for (const each of partitions) {
      const to = await writer.openPartition(each.topic, each.partition)
      for (let count = 1 + this.#random.below(2); count > 0; count--) {
        const key = Buffer.from(choose(this.#random, each.keys))
        to.append(timeOf(each), key, 0, key.length, `${each.topic[0]}${this.#nextId++}`, idTopic(each.topic).value, [])
      }
    }
    await writer.flush()
    await writer.close()
  }
}

/** All partitions of both topics. */
function partitionsOfBoth(random: SeededRandom, partitions: number): readonly SkewedPartition[] {
  return [LEFT, RIGHT].flatMap((topic, number) => {
    const skewMs = number * random.below(SKEW_MS_MAX)
    return sourcePartitions(topic, KEYS, partitions).map((each) => ({ ...each, skewMs }))
  })
}
