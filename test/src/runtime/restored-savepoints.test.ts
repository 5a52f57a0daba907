import { openFileLog } from '@millrace/connectors/file'
import {
  type Env,
  int64,
  type Job,
  job,
  joinAll,
  type Log,
  stream,
  string,
  table,
  topic,
  tumbling,
  valueState,
  windowed,
} from '@millrace/core'
import { resetJob, restoreSavepoint, resumeRestore, rewind, takeSavepoint } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { seededRandom } from '../flights/seeded-random.ts'
import { crashingEnv } from './crashing-env.ts'
import { JobWorld } from './job-world.ts'

const KEYS = 7
const WINDOW_MS = 50
const GRACE_MS = 20
const TO_START = { to: { kind: 'start' } } as const
/** Stands for the value of a record without one. */
const DELETED = Number.MIN_SAFE_INTEGER
const SEEDS = Number(process.env['MILLRACE_RESTORED_JOBS'] ?? trials(12))

const numbers = topic('numbers', { key: string(), value: int64() })
const passed = topic('passed', { key: string(), value: int64() })
const changes = topic('changes', { key: string(), value: int64() })
const finals = topic('finals', { key: windowed(string()), value: int64() })
const echoes = topic('echoes', { key: string(), value: int64() })
const fadings = topic('fadings', { key: string(), value: int64() })
const calm = topic('calm', { key: string(), value: int64() })
const pairs = topic('pairs', { key: string(), value: int64() })

/** Rows that leave by themselves, some of them as soon as they have come. */
const fading = table(numbers, 'fading', { ttl: 15 })

/** Timers that are moved, that are set for times which are over, and that set others; each passes on how many came before. */
const echo = stream(numbers).process('echo', {
  value: int64(),
  state: { count: valueState(int64()) },
  onRecord(value, _key, { timers, timestamp }) {
    timers.later.at(timestamp + (value % 40))
    if (value % 5 === 0) timers.over.at(Math.max(0, timestamp - (value % 40)))
  },
  timers: {
    later(_key, { state, timers, emit }) {
      state.count.set((state.count.get() ?? 0) + 1)
      emit(state.count.get() ?? 0)
      if ((state.count.get() ?? 0) % 3 === 0) timers.again.after(2)
    },
    over: (_key, { state, emit }) => emit(-1 - (state.count.get() ?? 0)),
    again: (_key, { state, emit }) => emit(1000 + (state.count.get() ?? 0)),
  },
})

/** Counts by key and by window: with a repartition by another key than that of the records, or without one. */
function countingJob(repartitions: boolean): Job {
  const grouped = repartitions ? stream(numbers).groupBy((n) => `k${n % KEYS}`, string()) : stream(numbers).groupByKey()
  const counts = grouped.count('counts')
  const windows = grouped.window(tumbling(WINDOW_MS, { grace: GRACE_MS })).count('windows', { emit: 'final' })
  const near = joinAll('near', { one: stream(numbers), other: stream(numbers) }, { within: 6, grace: GRACE_MS })
  return job(
    'shop',
    counts,
    windows,
    stream(numbers).to(passed),
    counts.changes().to(changes),
    windows.changes().to(finals),
    echo.to(echoes),
    fading,
    fading.changes().to(fadings),
    stream(numbers).toTable('latest').every('calm', 40).changes().to(calm),
    near.mapValues(({ one, other }) => one * 10_000 + other, int64()).to(pairs),
    echo.groupBy((count) => `e${Math.abs(count) % KEYS}`, string()).count('echo-counts'),
  )
}

interface Sent {
  readonly key: string
  readonly value: number
  readonly timestamp: number
  readonly partition: number
}

class Trial {
  readonly world: JobWorld
  readonly random: () => number
  readonly partitions: number
  readonly job: Job
  readonly sent: Sent[] = []
  readonly savepoints: string[] = []

  constructor(world: JobWorld, random: () => number, partitions: number, made: Job) {
    this.world = world
    this.random = random
    this.partitions = partitions
    this.job = made
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound)
  }

  async produce(): Promise<void> {
    const records = Array.from({ length: 1 + this.below(400) }, () => {
      const value = this.sent.length
      const partition = value % this.partitions
      // A key is in one partition, as a producer that chooses by the key would have it.
      const key = `k${partition + this.partitions * this.below(3)}`
      const record = { key, value, timestamp: Math.max(0, value - this.below(30)), partition }
      this.sent.push(record)
      return record
    })
    await this.world.produce('numbers', int64(), records)
  }

  options(env: Env = this.world.env, log: Log = this.world.log) {
    const { directory, stateDirectory } = this.world
    return { job: 'shop', log, env, data: directory, stateDirectory }
  }

  async savepoint(): Promise<void> {
    const name = `s${this.savepoints.length}`
    await takeSavepoint(this.options(), name)
    this.savepoints.push(name)
  }

  /** Runs the job in one or two containers for a while, perhaps with a savepoint in the middle of it. */
  async run(): Promise<void> {
    const containers = await Promise.all(
      Array.from({ length: 1 + this.below(2) }, () => this.world.start(this.job, { commitIntervalMs: 1 })),
    )
    const turns = this.below(30)
    for (let turn = 0; turn < turns; turn++) await this.world.env.timers.turn()
    if (this.random() < 0.5) await this.savepoint()
    await Promise.all(containers.map((container) => container.stop()))
  }

  /** Restores a savepoint, or rewinds to the start; half of the times the process crashes in the middle, and another one finishes it, or the job goes on. */
  async restore(): Promise<void> {
    const name = this.savepoints[this.below(this.savepoints.length)]
    if (name === undefined) return
    const setBack =
      this.random() < 0.25
        ? (options = this.options()) => rewind(options, TO_START)
        : (options = this.options()) => restoreSavepoint(options, name)
    if (this.random() < 0.5) {
      await setBack()
      return
    }
    let calls = this.below(60)
    const env = crashingEnv(() => calls-- === 0)
    const log = await openFileLog({ directory: this.world.directory, env, durability: 'os' }).catch(() => undefined)
    if (log === undefined) return
    await Promise.resolve(setBack(this.options(env, log))).catch(() => undefined)
    await log.close().catch(() => undefined)
    // Who starts the job now is refused, or continues as if there had been no restore yet.
    if (this.random() < 0.5) {
      const started = await this.world.start(this.job, { commitIntervalMs: 1 }).catch((error: Error) => error)
      if (!(started instanceof Error)) await started.stop()
      else expect(started).toMatchObject({ code: expect.stringMatching(/^(RESTORE_UNFINISHED|LOG_PARTS_DIFFER)$/) })
    }
    await resumeRestore(this.options())
  }

  async check(): Promise<void> {
    await this.world.runToEnd(this.job)
    expect(await this.world.rows(this.job, 'counts')).toEqual(this.#counted())
    const values = (await this.#read(this.world, 'passed')).map(([, value]) => value).sort((a, b) => a - b)
    expect(values).toEqual(this.sent.map(({ value }) => value))
    const changed = new Map<string, number>()
    for (const [key] of await this.#read(this.world, 'changes')) {
      const text = Buffer.from(key, 'hex').toString()
      changed.set(text, 1 + (changed.get(text) ?? 0))
    }
    expect(changed).toEqual(this.#counted())
    // What the job would have done without interruption.
    const reference = await worldFor(this.partitions)
    await reference.produce('numbers', int64(), this.sent)
    await reference.runToEnd(this.job)
    const windows = await reference.rows(this.job, 'windows')
    expect(await this.world.rows(this.job, 'windows')).toEqual(windows)
    const sorted = async (world: JobWorld, name: string) =>
      (await this.#read(world, name)).map(([key, count]) => `${key} ${count}`).sort()
    for (const name of ['finals', 'echoes', 'fadings', 'calm', 'pairs']) {
      expect(await sorted(this.world, name)).toEqual(await sorted(reference, name))
    }
    for (const view of ['echo-counts', 'fading']) {
      expect(await this.world.rows(this.job, view)).toEqual(await reference.rows(this.job, view))
    }
    if (this.partitions === 1) {
      const inOrder = async (world: JobWorld) => this.#read(world, 'changes')
      expect(await inOrder(this.world)).toEqual(await inOrder(reference))
    }
  }

  /** The keys, as hexadecimal digits, and the values of all records of a topic. */
  async #read({ log }: JobWorld, name: string): Promise<(readonly [string, number])[]> {
    const records: (readonly [string, number])[] = []
    const reader = log.openReader()
    for (let partition = 0; partition < this.partitions; partition++) {
      const from = await reader.assign(name, partition, 0)
      for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
        while (batch.next()) {
          const { bytes, keyStart, keyEnd, valueStart, valueEnd } = batch
          const value = valueStart < 0 ? DELETED : int64().decode(bytes, valueStart, valueEnd)
          records.push([bytes.toString('hex', keyStart, keyEnd), value])
        }
      }
    }
    await reader.close()
    return records
  }

  keyOf({ key }: Sent): string {
    return key
  }

  #counted(): Map<string, number> {
    const counts = new Map<string, number>()
    for (const each of this.sent) counts.set(this.keyOf(each), 1 + (counts.get(this.keyOf(each)) ?? 0))
    return counts
  }
}

async function worldFor(partitions: number): Promise<JobWorld> {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const name of ['numbers', 'passed', 'changes', 'finals', 'echoes', 'fadings', 'calm', 'pairs'])
    await world.topic(name, { partitions })
  return world
}

class RepartitionedTrial extends Trial {
  override keyOf({ value }: Sent): string {
    return `k${value % KEYS}`
  }
}

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  'a job that is set back to savepoints and to the start at random moments has each result once (seed %i)',
  { timeout: 120_000 },
  async (seed) => {
    const random = seededRandom(seed)
    const partitions = 1 + (seed % 4)
    const repartitions = seed % 8 >= 4 || seed % 3 === 0
    const world = await worldFor(partitions)
    const made = countingJob(repartitions)
    const trial = new (repartitions ? RepartitionedTrial : Trial)(world, random, partitions, made)
    await trial.produce()
    for (let step = 0; step < 14; step++) {
      const choice = trial.below(10)
      if (choice < 3) await trial.produce()
      else if (choice < 7) await trial.run()
      else if (choice === 7 && trial.savepoints.length > 0) await trial.savepoint()
      else await trial.restore()
    }
    await trial.check()
  },
)

test('after a reset, a savepoint is restored only if outputs may be repeated, and then all of them are', {
  timeout: 60_000,
}, async () => {
  const trial = new Trial(await worldFor(1), seededRandom(1), 1, countingJob(false))
  await trial.produce()
  await trial.world.runToEnd(trial.job)
  await trial.savepoint()
  const before = trial.sent.length
  await trial.produce()
  await trial.world.runToEnd(trial.job)
  await resetJob(trial.options())
  await expect(restoreSavepoint(trial.options(), 's0')).rejects.toMatchObject({
    code: 'TOPIC_MISSING',
    message: expect.stringContaining('--repeat-outputs'),
  })
  await restoreSavepoint(trial.options(), 's0', { repeatOutputs: true })
  await trial.world.runToEnd(trial.job)
  const counts = await trial.world.rows(trial.job, 'counts')
  expect([...counts.values()].reduce((sum: number, count) => sum + Number(count), 0)).toBe(trial.sent.length)
  expect(await trial.world.read('passed', int64())).toHaveLength(2 * trial.sent.length - before)
})

test('a job that has never run is not rewound', async () => {
  const trial = new Trial(await worldFor(1), seededRandom(1), 1, countingJob(false))
  await expect(rewind(trial.options(), TO_START)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
})

test('a job that runs is not set back', async () => {
  const trial = new Trial(await worldFor(1), seededRandom(1), 1, countingJob(false))
  await trial.produce()
  const container = await trial.world.start(trial.job)
  await container.caughtUp()
  await trial.savepoint()
  await expect(restoreSavepoint(trial.options(), 's0')).rejects.toMatchObject({ code: 'JOB_RUNNING' })
  await container.stop()
})
