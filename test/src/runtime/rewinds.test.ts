import { openFileLog } from '@millrace/connectors/file'
import { type Env, formatPosition, int64, type Job, job, json, type Log, stream, tumbling } from '@millrace/core'
import { parseRewindPlace, type RewindRequest, resumeRestore, rewind, takeSavepoint } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { seededRandom } from '../flights/seeded-random.ts'
import { countingJob, KEYS, numbers } from './counting-job.ts'
import { crashingEnv } from './crashing-env.ts'
import { JobWorld } from './job-world.ts'

/** Records have times that are this far apart. */
const RECORD_MS = 10
const SEEDS = Number(process.env['MILLRACE_REWOUND_JOBS'] ?? trials(6))

interface Range {
  readonly from: number
  readonly to: number
}

/** What must be true of one partition, computed without the job. */
class ModelPartition {
  /** The values of the records, by offset. */
  readonly values: number[] = []
  /** How often each was appended to the outputs. */
  readonly appended: number[] = []
  /** What the state was computed from, apart from what was processed since the last rewind. */
  ranges: Range[] = []
  /** Where the job was at the last rewind. */
  begin = 0
  /** Records before this offset are not appended. */
  fencedBefore = 0
  skipped: Range[] = []
  completeFrom = 0

  add(value: number): void {
    this.values.push(value)
    this.appended.push(0)
  }

  /** The job has come to an offset, and is now somewhere else. */
  process(to: number): void {
    this.ranges.push({ from: this.begin, to })
    for (let offset = Math.max(this.begin, this.fencedBefore); offset < to; offset++) {
      this.appended[offset] = (this.appended[offset] ?? 0) + 1
    }
  }

  /** Whether a rewind to an offset would lose the outputs of records that were skipped. */
  loses(to: number): boolean {
    return this.skipped.some((range) => to < range.to)
  }

  rewind(at: number, to: number, { keepState = false, repeatOutputs = false }: RewindRequest): void {
    this.process(at)
    this.begin = to
    if (!keepState) this.ranges = []
    const before = Math.max(this.fencedBefore, at)
    this.fencedBefore = repeatOutputs ? Math.min(before, to) : before
    this.skipped = this.skipped.filter((range) => to > range.from || to >= range.to)
    if (to > at) this.skipped.push({ from: at, to })
    if (!keepState) this.completeFrom = to
    else if (to > at) this.completeFrom = Math.max(this.completeFrom, to)
    else if (to < at) this.completeFrom = Math.min(this.completeFrom, to)
  }
}

class Trial {
  readonly world: JobWorld
  readonly random: () => number
  readonly job: Job
  readonly repartitions: boolean
  readonly model: readonly ModelPartition[]
  #sent = 0
  #savepoints = 0

  constructor(world: JobWorld, random: () => number, partitions: number, repartitions: boolean) {
    this.world = world
    this.random = random
    this.repartitions = repartitions
    this.job = countingJob(repartitions)
    this.model = Array.from({ length: partitions }, () => new ModelPartition())
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound)
  }

  async produce(): Promise<void> {
    const partitions = this.model.length
    const records = Array.from({ length: 1 + this.below(300) }, () => {
      const value = this.#sent++
      const partition = value % partitions
      this.model[partition]?.add(value)
      return { key: keyOf(value, partitions), value, timestamp: value * RECORD_MS, partition }
    })
    await this.world.produce('numbers', int64(), records)
  }

  async run(): Promise<void> {
    const container = await this.world.start(this.job, { commitIntervalMs: 1 })
    for (let turns = this.below(30); turns > 0; turns--) await this.world.env.timers.turn()
    await container.stop()
  }

  options(env: Env = this.world.env, log: Log = this.world.log) {
    const { directory, stateDirectory } = this.world
    return { job: 'shop', log, env, data: directory, stateDirectory }
  }

  /** Where the job is, by partition. */
  async position(): Promise<readonly number[]> {
    const { position } = await takeSavepoint(this.options(), `s${this.#savepoints++}`)
    return this.model.map(({ begin }, partition) => position['numbers']?.[partition] ?? begin)
  }

  /** Rewinds to a random place. Half of the times the process crashes in the middle, and another one finishes it, or it never began. */
  async rewind(): Promise<void> {
    const keepState = this.random() < 0.4
    const repeatOutputs = this.random() < 0.3
    if (this.repartitions && repeatOutputs) await this.world.runToEnd(this.job)
    const at = await this.position()
    const { to, text } = this.#place(at)
    const request: RewindRequest = { to: parseRewindPlace(text), keepState, repeatOutputs, skip: this.random() < 0.5 }
    const skips = this.model.some((_, partition) => (to[partition] ?? 0) > (at[partition] ?? 0))
    const loses = this.model.some((each, partition) => each.loses(to[partition] ?? 0))
    if ((skips && !request.skip) || (loses && !repeatOutputs)) {
      await expect(rewind(this.options(), request)).rejects.toMatchObject({ code: 'REWIND_REFUSED' })
      return
    }
    if (!(await this.#rewindOrCrash(request))) return
    for (const [partition, each] of this.model.entries()) each.rewind(at[partition] ?? 0, to[partition] ?? 0, request)
  }

  /** A place: as text, and by partition. */
  #place(at: readonly number[]): { readonly to: readonly number[]; readonly text: string } {
    const ends = this.model.map(({ values }) => values.length)
    const choice = this.below(4)
    if (choice === 0) return { to: ends.map(() => 0), text: 'start' }
    if (choice === 1) {
      const atMs = this.below(this.#sent * RECORD_MS)
      const to = this.model.map(({ values }) => {
        const found = values.findIndex((value) => value * RECORD_MS >= atMs)
        return found < 0 ? values.length : found
      })
      return { to, text: new Date(atMs).toISOString() }
    }
    const listed = this.model.map(() => this.random() < 0.7)
    listed[this.below(listed.length)] = true
    const to = ends.map((end, partition) => (listed[partition] ? this.below(end + 1) : (at[partition] ?? 0)))
    const parts = to.flatMap((offset, partition) => (listed[partition] ? [[partition, offset]] : []))
    return { to, text: formatPosition({ numbers: Object.fromEntries(parts) }) }
  }

  async #rewindOrCrash(request: RewindRequest): Promise<boolean> {
    const before = await this.#rewound()
    if (this.random() < 0.5) {
      try {
        await rewind(this.options(), request)
        return true
      } catch (error) {
        expect(error).toMatchObject({ code: 'REWIND_REFUSED', message: expect.stringMatching(/on their way.*drain/s) })
        expect(this.repartitions).toBe(true)
        await this.world.runToEnd(this.job)
        return false
      }
    }
    let calls = this.below(60)
    const env = crashingEnv(() => calls-- === 0)
    const log = await openFileLog({ directory: this.world.directory, env, durability: 'os' }).catch(() => undefined)
    if (log === undefined) return false
    await rewind(this.options(env, log), request).catch(() => undefined)
    await log.close().catch(() => undefined)
    await resumeRestore(this.options())
    return (await this.#rewound()) !== before
  }

  /** Identifies the last time that the job was set back. */
  async #rewound(): Promise<string | undefined> {
    const { log } = this.world
    const catalog = json<{ readonly restored?: { readonly id: string } }>()
    // A process that has crashed may have decided a transaction, and not ended it.
    const all = log.openReader({ isolation: 'uncommitted' })
    const { endOffset } = await all.assign('shop.catalog', 0, 0)
    await all.close()
    const reader = log.openReader()
    const records = await reader.assign('shop.catalog', 0, 0)
    let id: string | undefined
    while (records.position < endOffset) {
      const batch = records.poll()
      if (batch === undefined && records.position < endOffset) await reader.wait(1000)
      while (batch?.next() === true) id = catalog.decode(batch.bytes, batch.valueStart, batch.valueEnd).restored?.id
    }
    await reader.close()
    return id
  }

  async check(): Promise<void> {
    await this.world.runToEnd(this.job)
    for (const each of this.model) each.process(each.values.length)
    const partitions = this.model.length
    const counts = new Map<string, number>()
    const changed = new Map<string, number>()
    const results = new Map<string, number>()
    for (const { values, appended, ranges } of this.model) {
      for (const [offset, value] of values.entries()) {
        const key = this.repartitions ? `k${value % KEYS}` : keyOf(value, partitions)
        add(counts, key, ranges.filter(({ from, to }) => offset >= from && offset < to).length)
        add(changed, key, appended[offset] ?? 0)
        add(results, `${value}`, appended[offset] ?? 0)
      }
    }
    expect(await this.world.rows(this.job, 'counts')).toEqual(counts)
    expect(await this.#tally('passed', ([, value]) => `${value}`)).toEqual(results)
    expect(await this.#tally('changes', ([key]) => `${key}`)).toEqual(changed)
    const container = await this.world.start(this.job)
    const completeFrom = container.views[0]?.completeFrom ?? {}
    await container.stop()
    const from = this.model.map((each) => each.completeFrom)
    expect(this.model.map((_, partition) => completeFrom['numbers']?.[partition] ?? 0)).toEqual(from)
  }

  async #tally(name: string, keyIn: (record: readonly unknown[]) => string): Promise<Map<string, number>> {
    const counts = new Map<string, number>()
    for (let partition = 0; partition < this.model.length; partition++) {
      for (const record of await this.world.read(name, int64(), partition)) add(counts, keyIn(record), 1)
    }
    return counts
  }
}

/** A key is in one partition, as a producer that chooses by the key would have it. */
function keyOf(value: number, partitions: number): string {
  return `k${(value % partitions) + partitions * (value % 3)}`
}

function add(counts: Map<string, number>, key: string, count: number): void {
  if (count > 0) counts.set(key, count + (counts.get(key) ?? 0))
}

async function trialWith(seed: number, partitions: number, repartitions: boolean): Promise<Trial> {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const name of ['numbers', 'passed', 'changes']) await world.topic(name, { partitions })
  const trial = new Trial(world, seededRandom(seed), partitions, repartitions)
  await trial.produce()
  await trial.run()
  return trial
}

test.each(Array.from({ length: SEEDS }, (_, seed) => seed))(
  'a job that is rewound to random places has the state and the outputs that follow from them (seed %i)',
  { timeout: 120_000 },
  async (seed) => {
    const trial = await trialWith(seed, 1 + (seed % 3), seed % 2 === 1)
    for (let step = 0; step < 10; step++) {
      const choice = trial.below(10)
      if (choice < 2) await trial.produce()
      else if (choice < 6) await trial.run()
      else await trial.rewind()
    }
    await trial.check()
  },
)

/** Starts of 60 records each, in one partition, of which all are processed. */
async function countedTrial(repartitions = false): Promise<Trial> {
  const trial = await trialWith(1, 1, repartitions)
  const { length } = trial.model[0]?.values ?? []
  const more = Array.from({ length: 60 }, (_, at) => ({ key: 'k', value: at, timestamp: (length + at) * RECORD_MS }))
  await trial.world.produce('numbers', int64(), more)
  await trial.world.runToEnd(trial.job)
  return trial
}

test.each([
  [{ to: 'orders/0=1' }, /no input orders\/0.*numbers\/0/],
  [{ to: 'numbers/1=1' }, /no input numbers\/1/],
  [{ to: 'numbers/0=100000' }, /has the offsets from 0 to \d+, and not 100000/],
])('a rewind to a place that the inputs do not have is refused: %j', async ({ to }, message) => {
  const trial = await countedTrial()
  const refused = rewind(trial.options(), { to: parseRewindPlace(to) })
  await expect(refused).rejects.toMatchObject({ code: 'REWIND_REFUSED', message: expect.stringMatching(message) })
})

test('a rewind to a time after all records stays at the end, and skips nothing', async () => {
  const trial = await countedTrial()
  await rewind(trial.options(), { to: parseRewindPlace('2100-01-01') })
  await trial.world.runToEnd(trial.job)
  expect(await trial.world.rows(trial.job, 'counts')).toEqual(new Map())
})

test('text that is not a place is refused', () => {
  for (const text of ['end', '', 'numbers/0=x', '2026-13-01']) {
    expect(() => parseRewindPlace(text)).toThrow(expect.objectContaining({ code: 'BAD_POSITION' }))
  }
})

test('a job that has been rewound and has not run since is rewound to another place', async () => {
  const trial = await countedTrial()
  await rewind(trial.options(), { to: parseRewindPlace('start') })
  // The inputs are known from before.
  await rewind(trial.options(), { to: parseRewindPlace('numbers/0=20'), skip: true })
  await trial.world.runToEnd(trial.job)
  const counts = [...(await trial.world.rows(trial.job, 'counts')).values()].map(Number)
  const { end } = await trial.world.log.admin.offsets('numbers', 0)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(end - 20)
})

test('with the state kept, closed windows stay closed, and their records are late', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  const windows = stream(numbers).groupByKey().window(tumbling(100)).count('windows', { emit: 'final' })
  const made = job('shop', windows)
  await world.topic('numbers')
  const records = Array.from({ length: 50 }, (_, at) => ({ key: 'k', value: at, timestamp: at * RECORD_MS }))
  await world.produce('numbers', int64(), records)
  await world.runToEnd(made)
  const before = await world.rows(made, 'windows')
  const { directory, stateDirectory, log, env } = world
  const options = { job: 'shop', log, env, data: directory, stateDirectory }
  await rewind(options, { to: parseRewindPlace('start'), keepState: true })
  await world.runToEnd(made)
  const after = await world.rows(made, 'windows')
  // Only the last window, which is open, has its records twice.
  expect([...after].filter(([key, count]) => before.get(key) !== count)).toEqual([['k 400', 20]])
})
