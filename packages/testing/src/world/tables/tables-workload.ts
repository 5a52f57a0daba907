import { openFileLog } from '@millrace/connectors/file'
import type { Job, JobStatus, Log, LogWriter, RecordAppender, Topic } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import type { Machine } from '../../machine/machine.ts'
import type { SeededRandom } from '../../machine/seeded-random.ts'
import type { SimulatedProcess } from '../../machine/simulated-process.ts'
import { readRecords } from '../../read-records.ts'
import { DATA } from '../audit.ts'
import { auditAllStores } from '../audit-all-stores.ts'
import type { ContentOf } from '../audit-stores.ts'
import type { Scenario } from '../scenario.ts'
import { allAtEnd, type RunContainer, type Workload } from '../workload.ts'
import { STATE } from '../world-containers.ts'
import { auditChanges, auditTables } from './audit-tables.ts'
import { auditVisits } from './audit-visits.ts'
import type { Row } from './rows.ts'
import {
  changesTopic,
  EVERYWHERE,
  type Extent,
  GLANCED,
  GLANCES,
  LEFT,
  NOTES,
  RIGHT,
  TARGETS,
  tableNames,
  tablesJob,
  VISITED,
  VISITS,
} from './tables-job.ts'
import { type TablesPlan, tablesPlan } from './tables-plan.ts'

const JOB = 'tables'
const ALL: Extent = { others: true }
/** Keys of left and right rows, of targets, and of the global table. Rows also refer to a target that never is there. */
const KEYS = 8
const TARGET_KEYS = 3
const EVERYWHERE_KEYS = 2
const GROUPS = 3
const SIZES = 6
/** Event times begin here: records may be behind the first one. */
const FIRST_TIME_MS = 10_000
const BEHIND_MS_MAX = 300
/** How long after all others the last records come. */
const LAST_AFTER_MS = 1000
/** The time that the job's callbacks take for a joined row: the change of a target takes more than a slice of its task. */
const WORK_MS = 2

/** A record before it is appended. */
interface Draft {
  readonly topic: string
  readonly key: string | null
  append(to: RecordAppender, time: number, key: Buffer | null): void
}

/** Tables that are computed from tables, in several ways at once. */
export class TablesWorkload implements Workload {
  readonly job: Job
  readonly changed: Workload['changed']
  readonly batch: boolean
  readonly idleAfterMs = undefined
  readonly partitions: ReadonlyMap<string, number>
  readonly #machine: Machine
  readonly #scenario: Scenario
  readonly #random: SeededRandom
  readonly #plan: TablesPlan
  readonly #targetPartitions: number
  /** Whether the end is also computed from the changelog alone. */
  readonly #losesState: boolean
  #nextId = 0

  constructor(machine: Machine, scenario: Scenario) {
    const random = machine.random.fork('tables')
    this.#machine = machine
    this.#scenario = scenario
    this.#random = random
    this.#plan = tablesPlan(random)
    const work = () => machine.spend(WORK_MS)
    // A changed job reads topics that the former one has never read: so it has all of their records.
    const changes = scenario.upgradeAtMs !== undefined
    const all = tablesJob(JOB, this.#plan, ALL, work)
    this.job = changes ? tablesJob(JOB, this.#plan, { others: false }, work) : all
    this.changed = changes ? { job: all, acceptLoss: [] } : undefined
    this.batch = random.chance(0.25)
    this.#targetPartitions = this.#plan.reference === undefined ? 1 : 1 + random.below(3)
    this.partitions = new Map([
      [TARGETS.name, this.#targetPartitions],
      [EVERYWHERE.name, 1 + random.below(3)],
    ])
    this.#losesState = random.chance(0.5)
  }

  get allProduced(): boolean {
    return this.#machine.nowMs >= this.#scenario.calmAtMs
  }

  async makeTopics(log: Log): Promise<void> {
    const { partitions, segmentBytes } = this.#scenario
    const names = [LEFT, RIGHT, TARGETS, EVERYWHERE, NOTES, VISITS, VISITED, GLANCES, GLANCED].map(({ name }) => name)
    const changes = tableNames(this.#plan, ALL).map((name) => changesTopic(name).name)
    for (const name of [...names, ...changes]) {
      await log.admin.createTopic(name, { partitions: this.partitions.get(name) ?? partitions, segmentBytes })
    }
    const changelog = { partitions: Math.max(partitions, this.#targetPartitions), segmentBytes: 2 * segmentBytes }
    await log.admin.createTopic(`${JOB}.changelog`, { ...changelog, cleanup: 'compact' })
  }

  async produce(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env, durability: this.#scenario.durability })
    const isTransactional = this.#random.chance(0.3)
    const writer = isTransactional ? await log.openTransactionalWriter(process.name) : log.openWriter()
    for (let count = 1 + this.#random.below(6); count > 0; count--) {
      await this.#append(writer, await this.#draft(log))
    }
    if ('commit' in writer) await writer.commit([])
    else await writer.flush()
    await log.close()
  }

  witness(): undefined {
    return undefined
  }

  async audit(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env })
    await this.#auditAmid(log, false)
    await log.close()
  }

  async isDone(_log: Log, statuses: readonly JobStatus[]): Promise<boolean> {
    return allAtEnd(statuses)
  }

  async auditEnd(process: SimulatedProcess, run: RunContainer): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env })
    const writer = log.openWriter()
    // These must meet the last row: no row has a later time.
    const time = this.#time() + LAST_AFTER_MS
    for (let key = 0; key < EVERYWHERE_KEYS; key++) {
      await this.#append(writer, this.#visit(`w${key}`, Number.MAX_SAFE_INTEGER), time)
    }
    for (let key = 0; key < KEYS; key++) {
      await this.#append(writer, this.#glance(`k${key}`, Number.MAX_SAFE_INTEGER), time)
    }
    await writer.flush()
    await writer.close()
    await (await run(true)).done
    await this.#auditAmid(log, true)
    await this.#auditViews(log, run)
    if (this.#losesState) {
      this.#machine.disk.wipe(STATE)
      await this.#auditViews(log, run)
    }
    await log.close()
  }

  auditStoresAmid(process: SimulatedProcess, contentOf: ContentOf): Promise<void> {
    return auditAllStores(process, [this.job, ...(this.changed === undefined ? [] : [this.changed.job])], contentOf)
  }

  async auditStores(): Promise<void> {
    // An audit after the last record has compared them.
  }

  async #auditAmid(log: Log, isComplete: boolean): Promise<void> {
    await auditChanges(log, this.#plan, ALL)
    await auditVisits(log, { visits: VISITS, visited: VISITED, rows: EVERYWHERE }, isComplete)
    await auditVisits(log, { visits: GLANCES, visited: GLANCED, rows: LEFT }, isComplete)
  }

  async #auditViews(log: Log, run: RunContainer): Promise<void> {
    const container = await run(false)
    await auditTables(log, container, this.#plan, ALL)
    await container.stop()
  }

  async #draft(log: Log): Promise<Draft> {
    const random = this.#random
    const choice = random.below(25)
    if (choice < 8) return this.#rowOf(LEFT, 'l', `k${random.below(KEYS)}`)
    if (choice < 12) return this.#rowOf(RIGHT, 'r', `k${random.below(KEYS)}`)
    if (choice < 15) return this.#rowOf(TARGETS, 't', `t${random.below(TARGET_KEYS)}`)
    if (choice < 18) return this.#rowOf(EVERYWHERE, 'w', `w${random.below(EVERYWHERE_KEYS)}`)
    if (choice < 20) return this.#rowOf(NOTES, 'n', null)
    if (choice < 22) return this.#glance(`k${random.below(KEYS)}`, 0)
    const of = `w${random.below(EVERYWHERE_KEYS)}`
    return this.#visit(of, (await readRecords(log, EVERYWHERE)).filter(({ key }) => key === of).length)
  }

  #rowOf<K extends string | null>(topic: Topic<K, Row>, letter: string, key: K): Draft {
    const random = this.#random
    const value: Row = {
      ids: [`${letter}${this.#nextId++}`],
      size: random.below(SIZES),
      ref: random.chance(0.15) ? null : `t${random.below(TARGET_KEYS + 1)}`,
      group: `g${random.below(GROUPS)}`,
    }
    return draft(topic, key, random.chance(0.2) ? null : value)
  }

  #time(): number {
    const behindMs = this.#random.chance(0.6) ? 0 : this.#random.below(BEHIND_MS_MAX)
    return FIRST_TIME_MS + Math.floor(this.#machine.nowMs) - behindMs
  }

  #glance(key: string, known: number): Draft {
    return draft(GLANCES, key, { of: key, known })
  }

  #visit(of: string, known: number): Draft {
    const value = this.#random.chance(0.05) && known < Number.MAX_SAFE_INTEGER ? null : { of, known }
    return draft(VISITS, `v${this.#random.below(KEYS)}`, value)
  }

  async #append(
    writer: Pick<LogWriter, 'openPartition'>,
    { topic, key, append }: Draft,
    time = this.#time(),
  ): Promise<void> {
    const { partitions } = this.#scenario
    const count = this.partitions.get(topic) ?? partitions
    const bytes = key === null ? null : Buffer.from(key)
    const partition = bytes === null ? this.#random.below(count) : partitionOf(bytes, 0, bytes.length, count)
    append(await writer.openPartition(topic, partition), time, bytes)
  }
}

function draft<K extends string | null, V>({ name, value: serde }: Topic<K, V>, key: K, value: V | null): Draft {
  const append: Draft['append'] = (to, time, bytes) => to.append(time, bytes, 0, bytes?.length ?? 0, value, serde, [])
  return { topic: name, key, append }
}
