import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { openFileLog } from '@millrace/connectors/file'
import { memoryLog } from '@millrace/connectors/memory'
import type { Env, Job, JobStatus, Log } from '@millrace/core'
import { toTopology } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import { type Container, type Guarantee, startContainer } from '@millrace/runtime'
import {
  type Found,
  findTable,
  ids,
  type JobPlan,
  lateTopic,
  MemoryLevels,
  resultsTopic,
  type TablePlan,
} from '@millrace/testing/internal'
import { filter, firstValueFrom, merge, tap } from 'rxjs'
import { Cut, cutLog } from '../cut-log.ts'
import { slowLog } from '../slow-log.ts'
import type { RandomPhase, SourceRecord } from './random-run.ts'

/** A container reports its status, and rests when it has no work, at least this often: the tests wait for both. */
const TIMERS_MS_MAX = 2

/** Enough turns of the event loop for a resting container to wake and read the clock. */
const NOTICED_TURNS = 20

/** How containers of one world are started, and what they share. */
interface Machine {
  readonly openLog: () => Promise<Log>
  readonly levels: MemoryLevels | undefined
  readonly directory: string
  readonly options: TimeOptions
}

export interface TimeOptions {
  readonly idleAfterMs: number
  readonly guarantee: Guarantee
}

/** A log, local state, and one job whose containers start and end. */
export class TimeWorld {
  readonly #machine: Machine
  readonly #log: Log
  readonly #env: Env
  #passedMs = 0
  readonly #job: Job
  /** The topics that the job reads: these need not be all topics. */
  readonly #sources: readonly string[]

  private constructor(machine: Machine, log: Log, job: Job) {
    this.#machine = machine
    this.#log = log
    this.#job = job
    const env = fastEnv()
    this.#env = { ...env, clock: { now: env.clock.now, monotonic: () => env.clock.monotonic() + this.#passedMs } }
    const inputs = toTopology(job).subtopologies.flatMap((subtopology) => subtopology.inputs)
    this.#sources = inputs.flatMap(({ topic, node }) => (node.kind === 'source' ? [topic] : []))
  }

  /** On the memory log with stores in memory, or on the file log with LevelDB. */
  static async open(kind: 'memory' | 'file', job: Job, options: TimeOptions): Promise<TimeWorld> {
    const directory = mkdtempSync(`${tmpdir()}/millrace-time-`)
    if (kind === 'file') {
      const openLog = () => openFileLog({ directory, env: nodeEnv(), durability: 'os' })
      return new TimeWorld({ openLog, levels: undefined, directory, options }, await openLog(), job)
    }
    const log = memoryLog(fastEnv())
    return new TimeWorld({ openLog: async () => log.again(), levels: new MemoryLevels(), directory, options }, log, job)
  }

  async close(): Promise<void> {
    await this.#log.close()
    rmSync(this.#machine.directory, { recursive: true, force: true })
  }

  /** Creates the topics that a plan reads and writes. */
  async makeTopics({ topics, tables }: JobPlan, partitions: number): Promise<void> {
    const outputs = tables.flatMap(({ name }) => [resultsTopic(name).name, lateTopic(name).name])
    for (const name of [...topics, ...outputs]) await this.#log.admin.createTopic(name, { partitions })
  }

  async append(records: readonly SourceRecord[]): Promise<void> {
    const writer = this.#log.openWriter()
    for (const { topic, partition, key, id, time, deletion } of records) {
      const to = await writer.openPartition(topic, partition)
      const bytes = Buffer.from(key)
      to.append(time, bytes, 0, bytes.length, deletion ? null : [id], ids, [])
    }
    await writer.flush()
    await writer.close()
  }

  /** Runs containers while records are appended, and ends them as the phase states. */
  async run(phase: RandomPhase, pieces: readonly (readonly SourceRecord[])[]): Promise<void> {
    if (phase.batch) for (const piece of pieces) await this.append(piece)
    const containers: Container[] = []
    try {
      for (let number = 0; number < (phase.batch ? 1 : phase.containers); number++) {
        containers.push(...(await this.#startOrDie(phase, number === 0 ? phase.cut : undefined)))
      }
      if (!phase.batch) {
        for (const piece of pieces) {
          await this.append(piece)
          if (!phase.skipsWait) await this.#processed(containers)
          await this.#pass(phase.silenceMs)
        }
      } else {
        await ended(containers)
      }
    } finally {
      await Promise.all(containers.map((container) => container.stop()))
    }
    await ended(containers)
    if (phase.loseState) this.#loseState()
  }

  /** Runs to the end of the records that exist, and returns what is then found of each table. */
  async finish(tables: readonly TablePlan[]): Promise<ReadonlyMap<TablePlan, Found>> {
    const batch = await this.#start({ batch: true, commitIntervalMs: 5, commitTurns: 0, standbys: 0 })
    await batch.done
    const container = await this.#start({ batch: false, commitIntervalMs: 5, commitTurns: 0, standbys: 0 })
    const views = new Map<TablePlan, Found>()
    for (const table of tables) views.set(table, await findTable(this.#log, container, table))
    await container.stop()
    await container.done
    return views
  }

  /** Starts a container and returns it; returns none if a commit at its start cuts it off. */
  async #startOrDie(phase: RandomPhase, cut: RandomPhase['cut']): Promise<Container[]> {
    try {
      return [await this.#start(phase, cut)]
    } catch (error) {
      if (error instanceof Cut) return []
      throw error
    }
  }

  async #start(
    {
      batch,
      commitIntervalMs,
      commitTurns,
      standbys,
    }: Pick<RandomPhase, 'batch' | 'commitIntervalMs' | 'commitTurns' | 'standbys'>,
    cut?: RandomPhase['cut'],
  ): Promise<Container> {
    const { openLog, levels, directory, options } = this.#machine
    const log = await openLog()
    const slow = commitTurns === 0 ? log : slowLog(log, commitTurns)
    try {
      const container = await startContainer({
        job: this.#job,
        log: cut === undefined ? slow : cutLog(slow, cut.point, cut.countdown),
        env: this.#env,
        stateDirectory: `${directory}/state`,
        ...(levels !== undefined && { engine: levels }),
        commitIntervalMs,
        standbys,
        untilEnd: batch,
        ...options,
      })
      const close = () => log.close()
      container.done.then(close, close)
      return container
    } catch (error) {
      await log.close()
      throw error
    }
  }

  /** Resolves when all records of the source topics are processed, or no container is left. */
  async #processed(containers: readonly Container[]): Promise<void> {
    const ends: { topic: string; partition: number; end: number }[] = []
    for (const topic of this.#sources) {
      const { partitions } = (await this.#log.admin.describeTopic(topic)) ?? { partitions: 0 }
      for (let partition = 0; partition < partitions; partition++) {
        ends.push({ topic, partition, end: (await this.#log.admin.offsets(topic, partition)).end })
      }
    }
    const latest = new Map<Container, JobStatus>()
    const isThrough = () => {
      const inputs = [...latest.values()].flatMap(({ tasks }) => tasks.flatMap((task) => task.inputs))
      return ends.every(({ topic, partition, end }) =>
        inputs.some((input) => input.topic === topic && input.partition === partition && input.offset >= end),
      )
    }
    const statuses = containers.map((container) =>
      container.status.pipe(tap((status) => latest.set(container, status))),
    )
    await firstValueFrom(merge(...statuses).pipe(filter(isThrough)), { defaultValue: undefined })
  }

  /** Moves the clock forward, and gives containers some turns of the event loop to notice it. */
  async #pass(ms: number): Promise<void> {
    if (ms === 0) return
    this.#passedMs += ms
    for (let turn = 0; turn < NOTICED_TURNS; turn++) await this.#env.timers.turn()
  }

  #loseState(): void {
    this.#machine.levels?.clear()
    rmSync(`${this.#machine.directory}/state`, { recursive: true, force: true })
  }
}

/** Waits for the end of containers. The test itself makes the cuts; no other error may end a container early. */
async function ended(containers: readonly Container[]): Promise<void> {
  for (const { done } of containers) {
    await done.catch((error: unknown) => {
      if (!(error instanceof Cut)) throw error
    })
  }
}

/** Node's environment, with timers that never wait for long. */
function fastEnv(): Env {
  const env = nodeEnv()
  const { after, turn } = env.timers
  return { ...env, timers: { turn, after: (delayMs, callback) => after(Math.min(delayMs, TIMERS_MS_MAX), callback) } }
}
