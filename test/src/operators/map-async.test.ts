import { rmSync } from 'node:fs'
import { deadLetter, int32, type Job, job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld, type TestRecord } from '../runtime/job-world.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(12))

const GRACE_MS = 30

interface Payment {
  /** Distinguishes all records. */
  readonly at: number
  readonly number: number
  /** How long its call takes, in turns of the event loop. */
  readonly turns: number
  /** How often its call fails before it succeeds. */
  readonly failures: number
}

type Payments = TestRecord<Payment> & { readonly partition: number }

const payments = topic('payments', { key: string(), value: json<Payment>() })
const rated = topic('rated', { key: string(), value: json<Payment>() })
const unrated = topic('unrated', { key: string(), value: json<Payment>() })
const late = topic('late', { key: string(), value: json<Payment>() })
const windows = topic('windows', { key: windowed(string()), value: int32() })

/** Calls fail once or twice before they succeed, or more often than they are tried. */
const RETRIES = 2

/** Ends after some turns of the event loop; what it was given stays as it was for others. */
async function rate(payment: Payment, _key: string, { attempt }: { readonly attempt: number }): Promise<Payment> {
  for (let turn = 0; turn < payment.turns; turn++) await nodeEnv().timers.turn()
  if (attempt <= payment.failures) throw new Error('the service is down')
  return { ...payment, number: payment.number * 2 }
}

/** The same at once: what the job with calls must come to. */
const rateAtOnce = stream(payments)
  .filter(({ failures }) => failures <= RETRIES)
  .mapValues((payment) => ({ ...payment, number: payment.number * 2 }), payments.value)

/** Everything that follows the calls: an output, windows, and a count behind a repartition topic. */
function jobOf(results: typeof rateAtOnce): Job {
  const counts = results
    .groupByKey()
    .window(tumbling(100, { grace: GRACE_MS }))
    .count('windowed', { emit: 'final' })
  const byNumber = results
    .keyBy(({ number }) => `n${number}`, string())
    .groupByKey()
    .count('by-number')
  const outputs = [results.to(rated), counts.changes().to(windows), counts.late().to(late), byNumber]
  return job('rates', ...outputs).onError({ callback: deadLetter(unrated) })
}

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  values: fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 4 }),
      number: fc.integer({ min: 0, max: 3 }),
      // Mostly forward, and sometimes back.
      step: fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 0, max: 40 }) },
        { weight: 1, arbitrary: fc.integer({ min: -100, max: 0 }) },
      ),
      turns: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 12 })),
      failures: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: RETRIES + 1 })),
      deletes: fc.integer({ min: 0, max: 9 }).map((die) => die === 0),
    }),
    { minLength: 40, maxLength: 120 },
  ),
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

function recordsOf({ values, partitions }: Plan): Payments[] {
  let now = 1000
  return values.map(({ key, number, step, turns, failures, deletes }, at) => {
    now = Math.max(0, now + step)
    const value = deletes ? null : { at, number, turns, failures }
    return { key: `k${key}`, value, timestamp: now, partition: key % partitions }
  })
}

/** What a job has come to: for each topic its records, and the rows of its view. */
interface Outcome {
  readonly topics: Readonly<Record<string, readonly string[]>>
  readonly rows: ReadonlyMap<string, unknown>
}

/** Runs a job over the records, with crashes, to their end. */
async function outcomeOf(theJob: Job, records: readonly Payments[], { partitions, runs }: Plan): Promise<Outcome> {
  const world = await JobWorld.open()
  try {
    await world.topic('payments', { partitions })
    for (const name of ['rated', 'unrated', 'late', 'windows']) await world.topic(name)
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
    const lines = async (name: string) =>
      (await world.read(name, json<unknown>())).map(
        ([key, value, timestamp]) => `${key} ${JSON.stringify(value)} ${timestamp}`,
      )
    const counted = (await world.read('windows', int32())).map(
      ([key, count, timestamp]) => `${key} ${count} ${timestamp}`,
    )
    const topics = {
      rated: await lines('rated'),
      unrated: await lines('unrated'),
      late: await lines('late'),
      windows: counted,
    }
    return { topics, rows: await world.rows(theJob, 'by-number') }
  } finally {
    await world.close()
  }
}

/** The lines of the keys of one partition, in their order. */
function ofPartition(lines: readonly string[], partition: number, partitions: number): readonly string[] {
  return lines.filter((line) => Number(line[1]) % partitions === partition)
}

const TIMEOUT_MS = RUNS * 8000

test.each(['input', 'any'] as const)(
  'calls with random delays and failures, cut off at random commits, come to what the same job comes to at once; order %s',
  async (order) => {
    await fc.assert(
      fc.asyncProperty(plan, async (chosen) => {
        const { concurrency, partitions } = chosen
        const records = recordsOf(chosen)
        const retry = { times: RETRIES, backoff: 0 }
        const calls = stream(payments).mapAsync('calls', rate, { concurrency, order, retry, value: payments.value })
        const expected = await outcomeOf(jobOf(rateAtOnce), records, { ...chosen, runs: [] })
        const outcome = await outcomeOf(jobOf(calls), records, chosen)
        const isExact = chosen.runs.every(({ point }) => guaranteeAt(point) === 'exactly-once')
        // Only a crash with at-least-once may append a record again.
        const normal = (lines: readonly string[]) => (isExact ? lines : [...new Set(lines)])
        for (const name of ['rated', 'late', 'windows']) {
          const [wanted, found] = [normal(expected.topics[name] ?? []), normal(outcome.topics[name] ?? [])]
          expect([...found].sort(), name).toEqual([...wanted].sort())
        }
        for (let partition = 0; isExact && order === 'input' && partition < partitions; partition++) {
          const [found, wanted] = [outcome, expected].map(({ topics }) =>
            ofPartition(topics['rated'] ?? [], partition, partitions),
          )
          expect(found).toEqual(wanted)
        }
        const failed = records.flatMap(({ key, value, timestamp }) =>
          value === null || value.failures <= RETRIES ? [] : [`${key} ${JSON.stringify(value)} ${timestamp}`],
        )
        expect(normal([...(outcome.topics['unrated'] ?? [])].sort())).toEqual(failed.sort())
        expect(outcome.rows).toEqual(expected.rows)
      }),
      { numRuns: RUNS },
    )
  },
  TIMEOUT_MS,
)
