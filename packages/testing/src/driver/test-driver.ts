import { type MemoryLog, memoryLog } from '@millrace/connectors/memory'
import {
  type Duration,
  type Job,
  type JobStatus,
  type Log,
  type NewRecord,
  openTopicWriter,
  type Position,
  readTopic,
  type Table,
  type Topic,
  type TopicRecord,
  type TopicWriter,
} from '@millrace/core'
import { durationMs, namedTopics, stepsOf, toTopology } from '@millrace/core/internal'
import { type JobView, type RunningJob, type RunOptions, runJob, type ServedView } from '@millrace/runtime'
import { SeededRandom } from '../machine/seeded-random.ts'
import { Crash, type CrashPlan, crashAtEveryCommit, crashingLog } from './crashes.ts'
import { MemoryLevels } from './memory-levels.ts'
import { lanesOf, scheduleOf } from './schedule.ts'
import { StillEnv } from './still-env.ts'

/** Later than nearly all test data, so that no event time is ahead of the clock. */
const START_MS = Date.UTC(2030, 0, 1)

const STATE_DIRECTORY = '/state'

/**
 * A job can commit each time that it starts: if each of its commits were cut off, it would start for ever. So at most so many are in one
 * call: more than a few records cause.
 */
const CALL_CRASHES_MAX = 40
/** For a run to the end, which always commits: each moment of a commit is cut off with the local state and without it. */
const END_CRASHES_MAX = 4

/** What a test may choose; the rest is as in `RunOptions`. */
export interface TestDriverOptions extends Pick<RunOptions, 'guarantee' | 'idleAfterMs'> {
  /** How many partitions each topic of the job gets. Default 1. */
  readonly partitions?: number
  /** Where the wall clock begins, ms since the epoch. Default: the year 2030. */
  readonly startMs?: number
  /**
   * Whether the job is cut off at every commit, and started again: once before the commit is decided, so that the job processes the
   * same records again, and once after it. Every second time it also loses its local state, and restores it from the changelog. What
   * a test finds must be the same. One call causes at most 40 crashes. With the guarantee `at-least-once`, outputs repeat. Default false.
   */
  readonly crashAtEveryCommit?: boolean
  /**
   * Makes each `send` pass its records on in pieces, between which the job commits, and interleaves partitions. The seed, a safe
   * integer, decides how: the records of one partition stay in their order. Default: one piece, in the given order.
   */
  readonly seed?: number
}

/**
 * A job, or what makes it. A function is called each time that the job starts, also after a crash: what it closes over is then as new as
 * in another process.
 */
export type JobSource = Job | (() => Job | Promise<Job>)

/**
 * Runs a job in memory for a test: the real tasks, commits, stores and topics, with a clock that only the test moves. Nothing
 * is on disk, no port is open, and nothing waits. Made by `openTestDriver`.
 */
export class TestDriver {
  /** The log of the job, in memory; for topics that the job does not name, and for what this class has no method for. */
  readonly log: Log
  /** What the job has reported to its user: a store that was rebuilt, an output that belongs to no job. */
  readonly notices: string[] = []
  readonly #still: StillEnv
  readonly #levels = new MemoryLevels()
  readonly #options: TestDriverOptions
  /** The log as the job sees it: its commits may be cut off. */
  readonly #jobLog: Log
  /** Decides in which pieces records come; undefined: together. */
  readonly #random: SeededRandom | undefined
  /** By topic: where `read` continues. */
  readonly #positions = new Map<string, Position>()
  /** How many crashes the present call may still have. */
  #crashesLeft = CALL_CRASHES_MAX
  #job: JobSource
  #running: RunningJob | undefined
  #status: JobStatus | undefined

  private constructor(
    job: JobSource,
    still: StillEnv,
    log: MemoryLog,
    options: TestDriverOptions,
    crashes?: CrashPlan,
  ) {
    this.#job = job
    this.#still = still
    this.log = log
    this.#options = options
    const plan: CrashPlan = (moment) => (this.#crashesLeft > 0 ? crashes?.(moment) : undefined)
    this.#jobLog = crashes === undefined ? log : crashingLog(log, plan)
    this.#random = options.seed === undefined ? undefined : new SeededRandom(options.seed)
  }

  /** See `openTestDriver`. `crashes`: where the job is cut off; default: as `crashAtEveryCommit` states. */
  static async open(job: JobSource, options: TestDriverOptions = {}, crashes?: CrashPlan): Promise<TestDriver> {
    const still = new StillEnv(options.startMs ?? START_MS)
    const plan = crashes ?? (options.crashAtEveryCommit === true ? crashAtEveryCommit() : undefined)
    const driver = new TestDriver(job, still, memoryLog(still.env), options, plan)
    await driver.start()
    return driver
  }

  /** The wall clock, ms since the epoch. A record without a time gets it. */
  get nowMs(): number {
    return this.#still.nowMs
  }

  /** The job's last report. While the job runs, it reflects everything that was sent. */
  get status(): JobStatus | undefined {
    return this.#status
  }

  /**
   * Sends records to a topic, and waits until the job has processed and committed them, with all that they cause. While the
   * job does not run, the records wait in the topic. Throws what `TopicWriter.send` throws, and rejects with the error that
   * stops the job.
   *
   * ```ts
   * await driver.send(orders, { key: 'ann', value: { cents: 1200 } }, { key: 'bob', value: { cents: 300 } })
   * ```
   */
  async send<K, V>(topic: Topic<K, V>, ...records: readonly NewRecord<K, V>[]): Promise<void> {
    const writer = await openTopicWriter(this.log, topic)
    try {
      for (const piece of this.#pieces(writer, records)) {
        await writer.sendAll(piece)
        await this.#settle()
      }
    } finally {
      await writer.close()
    }
  }

  /**
   * The records that a topic has got since the last `read` of it, partition by partition. Only committed records are there, so
   * the records of a job that has failed are those up to its last commit.
   */
  async read<K, V>(topic: Topic<K, V>): Promise<TopicRecord<K, V>[]> {
    const from = this.#positions.get(topic.name) ?? 'start'
    const records: TopicRecord<K, V>[] = []
    for await (const record of readTopic(this.log, topic, { from, untilEnd: true })) records.push(record)
    this.#positions.set(topic.name, { [topic.name]: await this.#ends(topic.name) })
    return records.sort((one, other) => one.partition - other.partition)
  }

  /**
   * The rows of a table that is kept under a name, whether it is an output of the job or not. Throws `VIEW_MISSING` if the job
   * does not have it.
   *
   * ```ts
   * expect(await driver.view(totals).get('ann')).toBe(1200)
   * ```
   */
  view<T extends Table<unknown, unknown>>(table: T): JobView<T> {
    return this.#started.view(table)
  }

  /** All tables of the job that are kept, as the view server sees them. */
  get views(): readonly ServedView[] {
    return this.#started.views
  }

  /**
   * Moves the clock forward, and waits until the job has done what is due then. A step as `'1h'` is one jump, as for a process
   * that was suspended. Throws an `Error` for what is not a duration, or less than 0.
   *
   * ```ts
   * await driver.advance('31s')
   * ```
   */
  async advance(duration: Duration): Promise<void> {
    const ms = durationMs(duration)
    if (!(ms >= 0)) throw new Error(`The clock cannot advance by ${duration}`)
    this.#still.advance(ms)
    await this.#settle()
  }

  /** Stops the job: it commits, and ends. The topics stay, and so does the local state. */
  async stop(): Promise<void> {
    this.#crashesLeft = CALL_CRASHES_MAX
    for (let running = this.#running; running !== undefined; running = this.#running) {
      await running.stop()
      this.#running = undefined
      const error = await running.done.catch((reason: unknown) => reason)
      if (error instanceof Crash) await this.#restart(error)
    }
  }

  /**
   * Starts the job again after `stop`, or a changed job: it restores its state, and processes what has been sent
   * meanwhile. Throws what `runJob` throws.
   */
  async start(job: JobSource = this.#job): Promise<void> {
    if (this.#running !== undefined) throw new Error('The job runs already: stop it first')
    this.#job = job
    this.#crashesLeft = CALL_CRASHES_MAX
    this.#running = await this.#run(false)
    await this.#settle()
  }

  /**
   * Processes what the topics hold as `millrace run --until-end` does. An input that is empty then does not hold time back, so
   * windows close that a running job would keep open until the input is idle. A job that was running runs again afterwards.
   */
  async runUntilEnd(): Promise<void> {
    const wasRunning = this.#running !== undefined
    await this.stop()
    this.#crashesLeft = END_CRASHES_MAX
    for (;;) {
      const running = await this.#run(true)
      const error = await running.done.catch((reason: unknown) => reason)
      if (error === undefined) break
      this.#survive(error)
    }
    if (wasRunning) await this.start()
  }

  /**
   * Deletes the local state of a job that does not run, as a new machine would: the next start restores it from the changelog.
   * Throws an `Error` while the job runs.
   */
  loseState(): void {
    if (this.#running !== undefined) throw new Error('The job runs: stop it before its state is deleted')
    this.#deleteState()
  }

  /** Stops the job, and forgets everything. */
  async close(): Promise<void> {
    await this.stop()
    await this.log.close()
  }

  #pieces<K, V>(writer: TopicWriter<K, V>, records: readonly NewRecord<K, V>[]) {
    const random = this.#random
    if (random === undefined || records.length === 0) return [records]
    return scheduleOf(lanesOf(writer, records), random).map((piece) => piece.records)
  }

  get #started(): RunningJob {
    if (this.#running === undefined) throw new Error('The job does not run: start it to read its tables')
    return this.#running
  }

  /** Runs the job; again if it is cut off before it runs. */
  async #run(untilEnd: boolean): Promise<RunningJob> {
    for (;;) {
      try {
        return await this.#runOnce(untilEnd)
      } catch (error) {
        this.#survive(error)
      }
    }
  }

  async #runOnce(untilEnd: boolean): Promise<RunningJob> {
    const { guarantee, idleAfterMs } = this.#options
    const job = typeof this.#job === 'function' ? await this.#job() : this.#job
    await this.#makeTopics(job)
    const running = await runJob(withAllViews(job), {
      ...(guarantee !== undefined && { guarantee }),
      ...(idleAfterMs !== undefined && { idleAfterMs }),
      log: this.#jobLog,
      env: this.#still.env,
      stateDirectory: STATE_DIRECTORY,
      engine: this.#levels,
      // The clock stands still: what is processed is committed at once.
      commitIntervalMs: 0,
      untilEnd,
      onNotice: (message) => this.notices.push(message),
    })
    running.status.subscribe((status) => {
      this.#status = status
    })
    return running
  }

  async #settle(): Promise<void> {
    this.#crashesLeft = CALL_CRASHES_MAX
    for (;;) {
      try {
        await this.#running?.caughtUp()
        return
      } catch (error) {
        await this.#restart(error)
      }
    }
  }

  /** Starts the job again after a crash. Throws any other error. */
  async #restart(error: unknown): Promise<void> {
    this.#survive(error)
    this.#running = undefined
    this.#running = await this.#run(false)
  }

  /** Does what a crash does to the local state. Throws any other error. */
  #survive(error: unknown): void {
    if (!(error instanceof Crash)) throw error
    this.#crashesLeft--
    if (error.kind === 'loses state') this.#deleteState()
  }

  #deleteState(): void {
    this.#levels.clear()
    this.#still.env.files.removeTree(STATE_DIRECTORY)
  }

  async #makeTopics(job: Job): Promise<void> {
    for (const name of namedTopics(toTopology(job))) {
      if ((await this.log.admin.describeTopic(name)) !== undefined) continue
      await this.log.admin.createTopic(name, { partitions: this.#options.partitions ?? 1 })
    }
  }

  async #ends(topic: string): Promise<Record<number, number>> {
    const { partitions } = (await this.log.admin.describeTopic(topic)) ?? { partitions: 0 }
    const ends = new Map<number, number>()
    for (let partition = 0; partition < partitions; partition++) {
      ends.set(partition, (await this.log.admin.offsets(topic, partition)).end)
    }
    return Object.fromEntries(ends)
  }
}

/**
 * Opens a driver for a job, and starts the job. The topics that the job reads and writes are made. Throws what `runJob`
 * throws.
 *
 * ```ts
 * const driver = await openTestDriver(job, { partitions: 2 })
 * await driver.send(orders, { key: 'ann', value: { cents: 1200 } })
 * expect(await driver.read(bigOrders)).toEqual([])
 * await driver.close()
 * ```
 */
export function openTestDriver(job: JobSource, options?: TestDriverOptions): Promise<TestDriver> {
  return TestDriver.open(job, options)
}

/** The same job, with all its named tables as views. Views are only read, so its tasks are the same. */
function withAllViews(job: Job): Job {
  const kept = stepsOf(job.outputs).filter((step) => step.stores.length > 0 && !job.outputs.includes(step))
  return { ...job, outputs: [...job.outputs, ...kept] }
}
