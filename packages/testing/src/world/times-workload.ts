import { openFileLog } from '@millrace/connectors/file'
import type { Job, JobStatus, Log } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import type { Machine } from '../machine/machine.ts'
import type { SeededRandom } from '../machine/seeded-random.ts'
import type { SimulatedProcess } from '../machine/simulated-process.ts'
import { findResults } from '../time/found.ts'
import { ids, idsJob, lateTopic, resultsTopic } from '../time/ids-job.ts'
import { DATA } from './audit.ts'
import { auditAllStores } from './audit-all-stores.ts'
import type { ContentOf } from './audit-stores.ts'
import { auditTimes, type Idleness } from './audit-times.ts'
import { hold } from './invariants.ts'
import type { Scenario } from './scenario.ts'
import { SOURCES, type TimesPlan, timesPlan } from './times-job.ts'
import { allAtEnd, type RunContainer, type Workload } from './workload.ts'

const JOB = 'times'
const KEYS = 8
/** An input is idle after this: longer than most producers take, and much shorter than a world lives. */
const IDLE_AFTER_MS = 400
/** A partition that gets records gets the next ones within this time, if no fault comes between. */
const PAUSE_MS_MAX = 60
/** The time between a record's arrival and its container's next look, with a large margin. */
const NOTICED_MS = 100
/** Event times begin here: windows may reach back from the first one. */
const FIRST_TIME_MS = 10_000
/** How far behind its partition a record may be, and how far behind the first topic the second. */
const BEHIND_MS_MAX = 300
const SKEW_MS_MAX = 1200
/** The time that the job's callbacks take for a source record. */
const WORK_MS = 4
/**
 * An import brings this many records at a time to one partition, more than are processed before it brings the next ones: its
 * input is always busy. The other partitions get their records as before, but more slowly, since processes share one processor.
 * So an input becomes idle later.
 */
const IMPORTED = 40
const IDLE_AFTER_IN_IMPORT_MS = 1000
const IMPORT_FROM_MS = 300
const IMPORT_TO_MS = 1200
/** The import continues after troubles have stopped, and no restart interrupts it: inputs have the time to become idle, twice. */
const IMPORT_CALM_MS = 2500
/** Longer than any world lives, so that no input becomes idle. */
const NEVER_MS = 1e9

interface SourcePartition {
  readonly topic: string
  readonly partition: number
  readonly keys: readonly Buffer[]
  readonly skewMs: number
  /** When it last had a record, and how long its longest silence before a record was. */
  lastAtMs: number
  silentMs: number
}

/** Windows of finals over two topics. Some of their partitions never get a record. */
export class TimesWorkload implements Workload {
  readonly job: Job
  readonly changed = undefined
  readonly batch: boolean
  readonly idleAfterMs: number
  readonly #machine: Machine
  readonly #scenario: Scenario
  readonly #random: SeededRandom
  readonly #plan: TimesPlan
  readonly #partitions: readonly SourcePartition[]
  #nextId = 0
  /** When an import begins; in some worlds it never begins. */
  readonly #importAtMs: number

  constructor(machine: Machine, scenario: Scenario) {
    const random = machine.random.fork('times')
    this.#machine = machine
    this.#scenario = scenario
    this.#random = random
    this.#plan = timesPlan(random)
    this.job = idsJob(JOB, this.#plan, () => machine.spend(WORK_MS))
    this.batch = random.chance(0.25)
    const mayIdle = random.chance(0.5)
    const imports = random.fork('import')
    const isImport = mayIdle && !this.batch && imports.chance(0.5)
    this.#importAtMs = isImport ? imports.between(IMPORT_FROM_MS, IMPORT_TO_MS) : Number.POSITIVE_INFINITY
    this.idleAfterMs = mayIdle ? (isImport ? IDLE_AFTER_IN_IMPORT_MS : IDLE_AFTER_MS) : NEVER_MS
    this.#partitions = activePartitions(random, scenario.partitions)
  }

  get allProduced(): boolean {
    const resumeMs = Number.isFinite(this.#importAtMs) ? IMPORT_CALM_MS : 0
    return this.#machine.nowMs >= this.#scenario.calmAtMs + resumeMs
  }

  async makeTopics(log: Log): Promise<void> {
    const { partitions, segmentBytes } = this.#scenario
    const outputs = this.#plan.tables.flatMap(({ name }) => [resultsTopic(name).name, lateTopic(name).name])
    for (const name of [...SOURCES, ...outputs]) await log.admin.createTopic(name, { partitions, segmentBytes })
    await log.admin.createTopic(`${JOB}.changelog`, { partitions, segmentBytes: 2 * segmentBytes, cleanup: 'compact' })
    // A batch run does not wait for a partition that has never had a record, and its records are late when they come.
    if (this.batch) await this.#append(log, this.#partitions)
  }

  async produce(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env, durability: this.#scenario.durability })
    const imported = this.#isImporting ? this.#partitions[0] : undefined
    const given = this.#partitions.filter(
      (each) => each === imported || this.#random.chance(0.6) || this.#machine.nowMs - each.lastAtMs > PAUSE_MS_MAX,
    )
    await this.#append(log, given, imported)
    await log.close()
  }

  witness(): undefined {
    return undefined
  }

  async audit(process: SimulatedProcess): Promise<void> {
    const log = await openFileLog({ directory: DATA, env: process.env })
    for (const table of this.#plan.tables) {
      const results = await findResults(log, table)
      const names = results.map(({ key, start }) => `${key} ${start}`)
      hold(
        'no double count',
        new Set(names).size === names.length,
        () => `finals of ${table.name} are there twice: ${names}`,
      )
    }
    await log.close()
  }

  async isDone(_log: Log, statuses: readonly JobStatus[]): Promise<boolean> {
    return allAtEnd(statuses)
  }

  async auditEnd(process: SimulatedProcess, run: RunContainer): Promise<void> {
    await (await run(true)).done
    const container = await run(false)
    const log = await openFileLog({ directory: DATA, env: process.env })
    await auditTimes(log, container, this.#plan, this.#idleness)
    await log.close()
    await container.stop()
  }

  auditStoresAmid(process: SimulatedProcess, contentOf: ContentOf): Promise<void> {
    return auditAllStores(process, [this.job], contentOf)
  }

  async auditStores(): Promise<void> {
    // An audit after the last record has compared them.
  }

  get #isImporting(): boolean {
    return this.#machine.nowMs >= this.#importAtMs
  }

  /** What idle time-outs may have done to the results. */
  get #idleness(): Idleness {
    if (this.batch || this.idleAfterMs === NEVER_MS) return 'none'
    const wasSilent = this.#partitions.some(({ silentMs }) => silentMs + NOTICED_MS >= this.idleAfterMs)
    return wasSilent ? 'amid the records' : 'after the last records'
  }

  async #append(log: Log, partitions: readonly SourcePartition[], imported?: SourcePartition): Promise<void> {
    const writer = log.openWriter()
    const nowMs = this.#machine.nowMs
    for (const each of partitions) {
      const { topic, partition, keys, skewMs } = each
      const to = await writer.openPartition(topic, partition)
      for (let count = each === imported ? IMPORTED : 1 + this.#random.below(2); count > 0; count--) {
        const key = keys[this.#random.below(keys.length)]
        if (key === undefined) continue
        const behindMs = this.#random.chance(0.6) ? 0 : this.#random.below(BEHIND_MS_MAX)
        const time = FIRST_TIME_MS + Math.floor(nowMs) - skewMs - behindMs
        to.append(time, key, 0, key.length, [`${this.#nextId++}`], ids, [])
      }
    }
    await writer.flush()
    for (const each of partitions) {
      each.silentMs = Math.max(each.silentMs, this.#machine.nowMs - each.lastAtMs)
      each.lastAtMs = nowMs
    }
  }
}

/** The partitions that get records: at least one key belongs to them, and they are not silent for ever. */
function activePartitions(random: SeededRandom, partitions: number): readonly SourcePartition[] {
  const keys = Array.from({ length: KEYS }, (_, key) => Buffer.from(`k${key}`))
  const all = SOURCES.flatMap((topic, number) => {
    const skewMs = number * random.below(SKEW_MS_MAX)
    return Array.from({ length: partitions }, (_, partition) => ({
      topic,
      partition,
      keys: keys.filter((key) => partitionOf(key, 0, key.length, partitions) === partition),
      skewMs,
      lastAtMs: 0,
      silentMs: 0,
    }))
  })
  return all.filter((each, index) => index === 0 || (each.keys.length > 0 && random.chance(0.75)))
}
