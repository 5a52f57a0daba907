import { memoryLog } from '@millrace/connectors/memory'
import { type Job, type NewRecord, openTopicWriter, type Topic } from '@millrace/core'
import { deadLetterTopics, namedTopics, stepsOf, toTopology, versionedName } from '@millrace/core/internal'
import { crashAtSomeCommits } from '../driver/crashes.ts'
import { type Lane, lanesOf, type Piece, scheduleOf } from '../driver/schedule.ts'
import { StillEnv } from '../driver/still-env.ts'
import type { JobSource } from '../driver/test-driver.ts'
import { SeededRandom } from '../machine/seeded-random.ts'
import { type Difference, differencesOf } from './difference.ts'
import type { OutputTopic } from './job-results.ts'
import { OutsideCalls } from './outside-calls.ts'
import { type RunResults, runSchedule, type ScheduledRecord, type ScheduleOptions } from './run-schedule.ts'
import type { AnyTopic, SimulatedInput, SimulatedInputs } from './simulated-input.ts'
import { SimulationError } from './simulation-error.ts'

/** What a simulation runs a job with. */
export interface SimulationOptions<Topics extends readonly AnyTopic[]> {
  /** The records of each input, or a function that makes them from random numbers: then each seed has its own. */
  readonly inputs: SimulatedInputs<Topics> | ((random: SeededRandom) => SimulatedInputs<Topics>)
  /** How many seeds to try, from 1 up. Default 100. */
  readonly seeds?: number
  /** Only this seed, a safe integer: repeats a failure. Default: as many as `seeds` states. */
  readonly seed?: number
  /** How many partitions each topic of the job gets. Default 2. */
  readonly partitions?: number
  /** Where the wall clock begins, ms since the epoch. Default: the year 2030. */
  readonly startMs?: number
  /** The topics that a `to(choose)` may choose. They are made, and compared. Default: none. */
  readonly chosenTopics?: readonly AnyTopic[]
  /**
   * What must be the same when partitions are read in another order. `any`: nothing. `same views`: the rows of views at the end.
   * `same result`: also all records of outputs, so that a change of a table is a difference if it shows a total on its way. Default `any`.
   */
  readonly interleavings?: 'any' | 'same views' | 'same result'
}

/** Far enough that the hour, the day and often the year are others. */
const AHEAD_MS_MAX = 1000 * 24 * 60 * 60 * 1000

const SEEDS = 100
const PARTITIONS = 2

/**
 * Runs a job many times over the same records, in memory, and rejects with a `SimulationError` if it does not always come to the same:
 * the same rows of views, and the same records in outputs, those of a key in the same order.
 *
 * For each seed the job gets the records in some interleaving of partitions, in pieces between which it commits. A second run gets the
 * same pieces, and is cut off before and after commits: it loses what it has in memory, sometimes its local state too, and processes
 * the same records again. The clock that callbacks see is ahead then. Records of one partition stay in their order. A callback that
 * reads a clock or random numbers, changes what it got, or keeps something outside of the job is found this way.
 *
 * `job`: the job, or a function that makes it. A function is called at each start, so that what it closes over is lost in a crash, as in a
 * process.
 *
 * ```ts
 * await simulate(shop, { inputs: [{ topic: orders, records: [{ key: 'ann', value: { cents: 1200 } }] }] })
 * ```
 *
 * Rejects with the errors of `TopicWriter.partitionOf` for a key that does not fit its topic, and with an `Error` for a number of seeds
 * that tries nothing, and for an input that is not a topic of the job.
 */
export async function simulate<const Topics extends readonly AnyTopic[]>(
  job: JobSource,
  options: SimulationOptions<Topics>,
): Promise<void> {
  const { seed, seeds = SEEDS } = options
  if (seed !== undefined && !Number.isSafeInteger(seed)) throw new Error(`Seed ${seed} is not a safe integer`)
  // Without a seed nothing would be tried, and the test would pass.
  if (!(Number.isSafeInteger(seeds) && seeds > 0)) throw new Error(`There cannot be ${seeds} seeds: state 1 or more`)
  const simulation = new Simulation(job, typeof job === 'function' ? await job() : job, options)
  if (seed !== undefined) return simulation.run(seed)
  for (let each = 1; each <= seeds; each++) await simulation.run(each)
}

type Schedule = readonly Piece<ScheduledRecord>[]

class Simulation<Topics extends readonly AnyTopic[]> {
  readonly #source: JobSource
  readonly #name: string
  readonly #options: SimulationOptions<Topics>
  readonly #runs: ScheduleOptions
  readonly #topics: readonly string[]
  readonly #apart: boolean

  constructor(source: JobSource, job: Job, options: SimulationOptions<Topics>) {
    const { partitions = PARTITIONS, startMs, chosenTopics = [] } = options
    this.#source = source
    this.#name = versionedName(job)
    this.#options = options
    this.#topics = namedTopics(toTopology(job))
    this.#runs = {
      partitions,
      ...(startMs !== undefined && { startMs }),
      outputs: [...outputTopics(job), ...chosenTopics],
      expiring: expiringViews(job),
    }
    // A task waits while a topic is opened that it has chosen, after each start again; others go on meanwhile.
    this.#apart = sinksOf(job).some(({ topic }) => !('name' in topic))
  }

  async run(seed: number): Promise<void> {
    const random = new SeededRandom(seed)
    const lanes = await this.#lanes(random.fork('inputs'))
    const schedule = scheduleOf(lanes, random.fork('schedule'), this.#apart)
    const expected = await this.#expected(seed, schedule)
    await this.#crash(seed, schedule, expected, random.fork('crashes'))
    if (this.#options.interleavings === undefined || this.#options.interleavings === 'any') return
    await this.#interleave(seed, scheduleOf(lanes, random.fork('other schedule'), this.#apart), expected)
  }

  /** The records of the inputs, by partition. A log that is thrown away finds out where a key belongs. */
  async #lanes(random: SeededRandom): Promise<Lane<ScheduledRecord>[]> {
    const { inputs } = this.#options
    const log = memoryLog(new StillEnv(0).env)
    const lanes: Lane<ScheduledRecord>[] = []
    for (const { topic, records } of merged(typeof inputs === 'function' ? inputs(random) : inputs)) {
      if (!this.#topics.includes(topic.name)) {
        throw new Error(`Job ${this.#name} has no topic ${topic.name}. Leave it out of the inputs, or correct its name`)
      }
      await log.admin.createTopic(topic.name, { partitions: this.#runs.partitions })
      for (const lane of lanesOf(await openTopicWriter(log, topic), records)) {
        lanes.push({ ...lane, records: lane.records.map((record) => ({ topic, record })) })
      }
    }
    await log.close()
    return lanes
  }

  async #expected(seed: number, schedule: Schedule): Promise<RunResults> {
    try {
      return await runSchedule(this.#source, schedule, this.#runs)
    } catch (cause) {
      throw this.#error(seed, {
        problem: `fails: ${messageOf(cause)}`,
        advice: 'It fails without crashes, too. Correct the callback, the records, or the error policy of the job',
        cause,
      })
    }
  }

  /** Runs the same schedule with crashes, and with a clock that is ahead for callbacks. */
  async #crash(seed: number, schedule: Schedule, expected: RunResults, random: SeededRandom): Promise<void> {
    const aheadMs = Math.ceil(random.between(0, AHEAD_MS_MAX))
    const calls = new OutsideCalls(aheadMs)
    const crashes = crashAtSomeCommits(random)
    const listed = (advice: string) => [advice, ...calls.list.map((call) => `A callback calls ${call}`)].join('\n')
    let found: RunResults
    try {
      found = await calls.during(() => runSchedule(this.#source, schedule, this.#runs, crashes))
    } catch (cause) {
      const problem = `fails if it is cut off and started again: ${messageOf(cause)}`
      throw this.#error(seed, { problem, advice: listed(OUTSIDE), cause })
    }
    const differences = allDifferences(expected, found)
    if (differences.length === 0) return
    const { problem, advice } = await this.#explain(seed, schedule, expected, aheadMs)
    throw this.#error(seed, { problem, advice: listed(advice), differences })
  }

  /** Finds out what makes a run with crashes differ from `expected`: runs again without some of what it had. */
  async #explain(seed: number, schedule: Schedule, expected: RunResults, aheadMs: number) {
    const differs = (found: RunResults) => allDifferences(expected, found).length > 0
    if (differs(await this.#expected(seed, schedule))) {
      return { problem: 'comes to something else each time that it runs, also without crashes', advice: OUTSIDE }
    }
    if (differs(await new OutsideCalls(aheadMs).during(() => this.#expected(seed, schedule)))) {
      return { problem: 'comes to something else if it runs at another time, also without crashes', advice: CLOCK }
    }
    return { problem: 'comes to something else if it is cut off and started again', advice: CHANGED }
  }

  /** Runs another schedule of the same records, without crashes. */
  async #interleave(seed: number, schedule: Schedule, expected: RunResults): Promise<void> {
    const found = await this.#expected(seed, schedule)
    const differences =
      this.#options.interleavings === 'same views'
        ? allDifferences({ ...expected, outputs: found.outputs }, found)
        : allDifferences(expected, found)
    if (differences.length === 0) return
    throw this.#error(seed, {
      problem: 'comes to something else if its partitions are read in another order',
      advice: ORDER,
      differences,
    })
  }

  #error(seed: number, finding: Omit<ConstructorParameters<typeof SimulationError>[0], 'job' | 'seed'>) {
    return new SimulationError({ job: this.#name, seed, ...finding })
  }
}

const OUTSIDE =
  'A callback reads the clock or random numbers, or it keeps something outside of the job, such as a Map or a counter of its module. Use ' +
  'the time of the record, and keep what must be remembered in the state of a step, as aggregate(…) and process(…) have it'

const CLOCK = 'A callback reads the clock, and the result follows from it. Use the time of the record instead'

const CHANGED =
  'After a crash, callbacks are called again for the records since the last commit, with the state as of that commit. A callback changes ' +
  'a value that it got instead of returning a new one, or keeps something outside of the job, such as a Map or a counter of its module, ' +
  'or uses the offset of a record behind a repartition topic'

const ORDER =
  'A step depends on the order of records of several partitions or topics: a fold that is not commutative, a lookup in a table, or the ' +
  'first or last of records without times. Order them by their times, or compare less with the option interleavings'

/** One input for each topic. */
function merged(inputs: readonly SimulatedInput[]) {
  return [...Map.groupBy(inputs, ({ topic }) => topic.name).values()].map((same) => ({
    // The caller's types were checked where the inputs were given.
    topic: same[0]?.topic as Topic<unknown, unknown>,
    records: same.flatMap(({ records }) => records as readonly NewRecord<unknown, unknown>[]),
  }))
}

/** The topics that a job names as outputs, and those of its dead letters. */
function outputTopics(job: Job): OutputTopic[] {
  const topics = new Map<string, OutputTopic>()
  for (const name of deadLetterTopics(job.errors, stepsOf(job.outputs))) topics.set(name, { name })
  // The plan holds serdes whose types its builder has checked.
  for (const { topic } of sinksOf(job)) if ('name' in topic) topics.set(topic.name, topic as OutputTopic)
  return [...topics.values()]
}

function sinksOf(job: Job) {
  return stepsOf(job.outputs).filter((step) => step.kind === 'sink')
}

function expiringViews(job: Job): ReadonlySet<string> {
  const steps = stepsOf(job.outputs)
  const stores = steps.flatMap((step) => step.stores).filter(({ retentionMs }) => retentionMs !== undefined)
  const cells = steps.flatMap((step) => (step.kind === 'process' ? step.cells : []))
  return new Set([
    ...stores.map(({ name }) => name),
    ...cells.flatMap(({ ttlMs, store }) => (ttlMs === undefined ? [] : [store.name])),
  ])
}

function allDifferences(expected: RunResults, found: RunResults): Difference[] {
  const expiring = differencesOf(expected.expiring, found.expiring)
  return [
    ...differencesOf(expected.views, found.views),
    // Only one run may still have a row that is old.
    ...expiring.filter((each) => each.expected !== undefined && each.found !== undefined),
    ...differencesOf(expected.outputs, found.outputs),
  ]
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
