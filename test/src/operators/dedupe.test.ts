import { rmSync } from 'node:fs'
import { type Job, type JobStatus, job, json, stream, string, topic } from '@millrace/core'
import { knownJobs, openStoppedView } from '@millrace/runtime'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(12))

const WITHIN_MS = 50
const GRACE_MS = 80

interface Payment {
  /** Distinguishes all records. */
  readonly at: number
  readonly number: number
}

type Payments = TestRecord<Payment> & { readonly partition: number }

const payments = topic('payments', { key: string(), value: json<Payment>() })
const passed = topic('passed', { key: string(), value: json<Payment>() })
const late = topic('late', { key: string(), value: json<Payment>() })

const once = stream(payments).dedupe('once', {
  within: WITHIN_MS,
  grace: GRACE_MS,
  id: (payment) => payment.number,
})
const inPlace = job('dedupes', once.to(passed), once.late().to(late))

// Behind a repartition topic, repeats come from several partitions, in an order that depends on speed.
const regrouped = stream(payments)
  .keyBy((payment) => `n${payment.number}`, string())
  .dedupe('once', {
    within: WITHIN_MS,
    grace: GRACE_MS,
  })
const behind = job('regroups', regrouped.to(passed), regrouped.late().to(late))

interface Outcome {
  readonly passed: readonly number[]
  readonly late: readonly number[]
}

/** What becomes of the records of each partition, in their order, computed without Millrace; tombstones are not listed. */
function byHand(records: readonly Payments[]): Outcome {
  const outcome = { passed: [] as number[], late: [] as number[] }
  const watermarks = new Map<number, number>()
  const passedAt = new Map<string, number[]>()
  for (const { key, value, timestamp, partition } of records) {
    const watermark = Math.max(watermarks.get(partition) ?? timestamp, timestamp)
    watermarks.set(partition, watermark)
    if (value === null) continue
    if (watermark > timestamp + GRACE_MS) {
      outcome.late.push(value.at)
      continue
    }
    const id = `${key} ${value.number}`
    const times = passedAt.get(id) ?? []
    passedAt.set(id, times)
    if (times.some((time) => Math.abs(time - timestamp) < WITHIN_MS)) continue
    times.push(timestamp)
    outcome.passed.push(value.at)
  }
  return outcome
}

const values = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 2 }),
    number: fc.integer({ min: 0, max: 1 }),
    // Mostly forward, and sometimes far back.
    step: fc.oneof(fc.integer({ min: -40, max: 60 }), fc.integer({ min: -200, max: 0 })),
    partition: fc.nat({ max: 2 }),
    deletes: fc.integer({ min: 0, max: 9 }).map((die) => die === 0),
  }),
  { minLength: 1, maxLength: 200 },
)

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  values,
  runs: fc.array(
    fc.record({
      point: fc.constantFrom(...COMMIT_POINTS),
      countdown: fc.integer({ min: 1, max: 6 }),
      loseState: fc.boolean(),
      commitIntervalMs: fc.integer({ min: 1, max: 4 }),
    }),
    { maxLength: 3 },
  ),
})

type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

function recordsOf({ values: steps, partitions }: Plan, place: 'by key' | 'anywhere'): Payments[] {
  let now = 1000
  return steps.map(({ key, number, step, partition, deletes }, at) => {
    now = Math.max(0, now + step)
    const value = deletes ? null : { at, number }
    return {
      key: `k${key}`,
      value,
      timestamp: now,
      partition: (place === 'by key' ? key : partition) % partitions,
    }
  })
}

/** Runs a job over the records, with crashes, to their end. Returns what it has passed on, each record once. */
async function outcomeOf(theJob: Job, records: readonly Payments[], { partitions, runs }: Plan): Promise<Outcome> {
  const world = await JobWorld.open()
  await world.topic('payments', { partitions })
  for (const name of ['passed', 'late']) await world.topic(name)
  let produced = 0
  for (const [index, { point, countdown, loseState, commitIntervalMs }] of runs.entries()) {
    const upTo = Math.round((records.length * (index + 1)) / (runs.length + 1))
    await world.produce('payments', payments.value, records.slice(produced, upTo))
    produced = upTo
    const log = cutLog(world.log, point, countdown)
    const outcome = await world
      .runToEnd(theJob, { log, guarantee: guaranteeAt(point), commitIntervalMs })
      .catch((error: unknown) => error)
    if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
    if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
  }
  await world.produce('payments', payments.value, records.slice(produced))
  await world.runToEnd(theJob)
  const read = async (name: string) => {
    const all = (await world.read(name, passed.value)).flatMap(([, value]) => (value === null ? [] : [value.at]))
    const different = [...new Set(all)]
    // Only a crash with at-least-once may append a record again.
    if (runs.every(({ point }) => guaranteeAt(point) === 'exactly-once')) expect(different).toHaveLength(all.length)
    return different.sort((a, b) => a - b)
  }
  const outcome = { passed: await read('passed'), late: await read('late') }
  await world.close()
  return outcome
}

const TIMEOUT_MS = RUNS * 4000

test(
  'of random records, cut off at random commits, those pass and are late that a fold by hand lets pass',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (chosen) => {
        const records = recordsOf(chosen, 'by key')
        expect(await outcomeOf(inPlace, records, chosen)).toEqual(byHand(records))
      }),
      { numRuns: RUNS },
    )
  },
  TIMEOUT_MS,
)

test(
  'of records that meet behind a repartition topic, none passes near another one, and none is dropped that is not near one',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async (chosen) => {
        const records = recordsOf(chosen, 'anywhere')
        const outcome = await outcomeOf(behind, records, chosen)
        // Others are late too if their partition had nothing to read while time moved on: it does not hold time back then.
        expect(outcome.late).toEqual(expect.arrayContaining([...byHand(records).late]))
        const all = records.flatMap(({ value, timestamp }) => (value === null ? [] : [{ ...value, timestamp }]))
        const near = (a: (typeof all)[number], b: (typeof all)[number]) =>
          a.number === b.number && Math.abs(a.timestamp - b.timestamp) < WITHIN_MS
        const passing = all.filter(({ at }) => outcome.passed.includes(at))
        const dropped = all.filter(({ at }) => !outcome.passed.includes(at) && !outcome.late.includes(at))
        expect(passing.filter((one) => passing.some((other) => other.at !== one.at && near(one, other)))).toEqual([])
        expect(dropped.filter((one) => !passing.some((other) => near(one, other)))).toEqual([])
      }),
      { numRuns: RUNS },
    )
  },
  TIMEOUT_MS,
)

describe('a dedupe', () => {
  let world: JobWorld

  beforeEach(async () => {
    world = await JobWorld.open()
    for (const name of ['payments', 'passed', 'late']) await world.topic(name)
  })

  afterEach(() => world.close())

  const payment = (timestamp: number, number = 1, key = 'k'): Payments => ({
    key,
    value: { at: timestamp, number },
    timestamp,
    partition: 0,
  })

  async function passedAt(): Promise<(number | null)[]> {
    return (await world.read('passed', passed.value)).map(([, value]) => value?.at ?? null)
  }

  test('drops what is less than the time away on either side, and counts it', async () => {
    await world.produce(
      'payments',
      payments.value,
      [100, 99, 51, 50, 149, 150, 240, 260, 289, 290].map((at) => payment(at)),
    )
    const container = await world.start(inPlace, { untilEnd: true })
    let status: JobStatus | undefined
    container.status.subscribe((latest) => {
      status = latest
    })
    await container.done
    expect(await passedAt()).toEqual([100, 50, 150, 240, 290])
    expect(status?.tasks[0]?.counts).toMatchObject({ duplicates: 5, late: 0 })
  })

  test('keeps repeats of other keys and ids apart, and passes tombstones on', async () => {
    const tombstone = { ...payment(103), value: null }
    await world.produce('payments', payments.value, [
      payment(100),
      payment(101, 2),
      payment(102, 1, 'other'),
      tombstone,
      tombstone,
    ])
    await world.runToEnd(inPlace)
    expect(await passedAt()).toEqual([100, 101, 102, null, null])
  })

  test('leaves no trace of a record that fails behind it, so that the next one passes', async () => {
    const failing = job(
      'failing',
      once
        .mapValues((each) => {
          if (each.at === 100) throw new Error('unlucky')
          return each
        }, payments.value)
        .to(passed),
    ).onError({ callback: 'skip' })
    await world.produce('payments', payments.value, [payment(100), payment(110), payment(120)])
    await world.runToEnd(failing)
    expect(await passedAt()).toEqual([110])
  })

  test('knows a record as long as one in time may repeat it, over a restart', async () => {
    await world.produce('payments', payments.value, [payment(100), payment(195, 1, 'other')])
    await world.runToEnd(inPlace)
    await world.runToEnd(inPlace)
    await world.produce('payments', payments.value, [payment(149), payment(115), payment(114)])
    await world.runToEnd(inPlace)
    expect(await passedAt()).toEqual([100, 195])
    expect((await world.read('late', late.value)).map(([, value]) => value?.at)).toEqual([114])
  })

  test('forgets a record once no record in time can repeat it', async () => {
    const plain = stream(payments).dedupe('plain', { within: 50, grace: 100 })
    const theJob = job('forgetful', plain.to(passed))
    const records = Array.from({ length: 2000 }, (_, at) => payment(at * 10, 1, `k${at % 7}`))
    await world.produce('payments', payments.value, records)
    await world.runToEnd(theJob, { commitIntervalMs: 1 })
    await world.runToEnd(theJob)
    const { log, env, stateDirectory } = world
    const [known] = await knownJobs({ log, env }, 'forgetful')
    if (known === undefined) throw new Error('the job has not run')
    const stopped = await openStoppedView({ job: known, view: 'plain', log, env, stateDirectory })
    const kept = (await stopped.view.parts[0]?.store.range({ limit: 10_000 }))?.entries ?? []
    await stopped.close()
    expect(await passedAt()).toHaveLength(2000)
    expect(kept.length).toBeGreaterThan(0)
    // Twice the time and the grace, at 10 ms a record.
    expect(kept.length).toBeLessThanOrEqual(21)
  })
})
