import { rmSync } from 'node:fs'
import { type AsyncContext, deadLetter, int64, type Job, job, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { rewind } from '@millrace/runtime'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { COMMIT_POINTS, Cut, cutLog, guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld } from '../runtime/job-world.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(12))

const numbers = topic('numbers', { key: string(), value: int64() })
const undone = topic('undone', { key: string(), value: int64() })

/** A service that drops what it has seen. */
class Service {
  /** By idempotency key, in the order in which they came. */
  readonly acknowledged = new Map<string, number>()
  calls = 0

  readonly act = async (value: number, _key: string, { attempt, idempotencyKey }: AsyncContext): Promise<void> => {
    this.calls++
    for (let turn = 0; turn < (value * 5) % 9; turn++) await nodeEnv().timers.turn()
    if (value % 10 === 9) throw new Error('it never accepts this')
    if (value % 4 === 3 && attempt === 1) throw new Error('it is down')
    if (!this.acknowledged.has(idempotencyKey)) this.acknowledged.set(idempotencyKey, value)
  }
}

function jobOf(service: Service): Job {
  const effects = stream(numbers).effect('effects', service.act, { concurrency: 4, retry: { times: 1, backoff: 0 } })
  return job('acts', effects).onError({ callback: deadLetter(undone) })
}

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  keys: fc.array(fc.nat(5), { minLength: 20, maxLength: 100 }),
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

test(
  'a service that knows its callers again acts once for each record, in the order of each key, whatever is cut off',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ partitions, keys, runs }) => {
        const service = new Service()
        const theJob = jobOf(service)
        const world = await JobWorld.open()
        try {
          await world.topic('numbers', { partitions })
          await world.topic('undone')
          const records = keys.map((key, value) => ({
            key: `k${key}`,
            value,
            timestamp: value,
            partition: key % partitions,
          }))
          await world.produce('numbers', int64(), records)
          for (const { point, countdown, loseState, commitIntervalMs } of runs) {
            const log = cutLog(world.log, point, countdown)
            const outcome = await world
              .runToEnd(theJob, { log, guarantee: guaranteeAt(point), commitIntervalMs })
              .catch((error: unknown) => error)
            if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
            if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
          }
          await world.runToEnd(theJob)
          const done = [...service.acknowledged.values()]
          for (const key of new Set(keys)) {
            const ofKey = (values: readonly number[]) => values.filter((value) => keys[value] === key)
            expect(ofKey(done)).toEqual(ofKey(keys.map((_, value) => value).filter((value) => value % 10 !== 9)))
          }
          const letters = new Set((await world.read('undone', int64())).map(([, value]) => value))
          expect(letters).toEqual(new Set(keys.map((_, value) => value).filter((value) => value % 10 === 9)))
        } finally {
          await world.close()
        }
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS, 8000),
)

test('a job that is set back makes no effect again that was acknowledged, unless it is to repeat its outputs', async () => {
  const service = new Service()
  const theJob = jobOf(service)
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const name of ['numbers', 'undone']) await world.topic(name)
  const { directory: data, stateDirectory, log, env } = world
  const options = { job: 'acts', log, env, data, stateDirectory }
  await world.produce(
    'numbers',
    int64(),
    [0, 1, 2].map((value) => ({ key: 'k', value, timestamp: value })),
  )
  await world.runToEnd(theJob)
  expect(service.calls).toBe(3)
  await rewind(options, { to: { kind: 'start' } })
  await world.produce('numbers', int64(), [{ key: 'k', value: 4, timestamp: 4 }])
  await world.runToEnd(theJob)
  expect(service.calls).toBe(4)
  const keys = new Set(service.acknowledged.keys())
  await rewind(options, { to: { kind: 'start' }, repeatOutputs: true })
  await world.runToEnd(theJob)
  expect(service.calls).toBe(8)
  expect(new Set(service.acknowledged.keys())).toEqual(keys)
})
