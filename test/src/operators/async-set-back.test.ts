import { int64, type Job, job, stream, string, topic } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { rescaleTopic, restoreSavepoint, rewind, takeSavepoint } from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { seededRandom } from '../flights/seeded-random.ts'
import { JobWorld } from '../runtime/job-world.ts'

const SEEDS = Number(process.env['MILLRACE_RESTORED_JOBS'] ?? trials(12))
const PARTITIONS = 2

const numbers = topic('numbers', { key: string(), value: int64() })
const called = topic('called', { key: string(), value: int64() })
const again = topic('again', { key: string(), value: int64() })
const sent = topic('sent', { key: string(), value: int64() })

/** Ends after some turns of the event loop. */
async function slowly(value: number): Promise<number> {
  for (let turn = 0; turn < (value * 7) % 11; turn++) await nodeEnv().timers.turn()
  return value
}

/** Calls in a row, and calls behind a repartition topic. */
function jobOf(order: 'input' | 'any'): Job {
  const options = { order, concurrency: 3, value: int64() }
  const first = stream(numbers).mapAsync('first', slowly, options)
  const second = first.mapAsync('second', slowly, options)
  // Results in any order may not go through a repartition topic, if the job is to be set back.
  const behind = (order === 'input' ? first : stream(numbers))
    .keyBy((value) => `n${value % 5}`, string())
    .repartition('regrouped')
    .mapAsync('behind', slowly, options)
  return job('calls', first.to(called), second.to(again), behind.to(sent))
}

interface SetBackTrial {
  readonly world: JobWorld
  readonly theJob: Job
  readonly below: (bound: number) => number
}

/** Runs the job for a while; it stops with calls under way. */
async function runForAWhile({ world, theJob, below }: SetBackTrial): Promise<void> {
  const container = await world.start(theJob, { commitIntervalMs: 1 })
  const turns = below(60)
  for (let turn = 0; turn < turns; turn++) await world.env.timers.turn()
  await container.stop()
}

const seeds = Array.from({ length: SEEDS }, (_, seed) => [seed, seed % 2 === 0 ? 'input' : 'any'] as const)

test.each(seeds)(
  'a job with calls that is set back at random moments appends each result once; seed %i, order %s',
  async (seed, order) => {
    const random = seededRandom(seed)
    const below = (bound: number) => Math.floor(random() * bound)
    const world = await JobWorld.open()
    onTestFinished(() => world.close())
    const theJob = jobOf(order)
    for (const { name } of [numbers, called, again, sent]) await world.topic(name, { partitions: PARTITIONS })
    const { directory: data, stateDirectory, log, env } = world
    const options = { job: 'calls', log, env, data, stateDirectory }
    let produced = 0
    const savepoints: string[] = []
    for (let round = 0; round < 4; round++) {
      const values = Array.from({ length: 1 + below(60) }, () => produced++)
      const records = values.map((value) => ({
        key: `k${value % 6}`,
        value,
        timestamp: value,
        partition: value % PARTITIONS,
      }))
      await world.produce('numbers', int64(), records)
      await runForAWhile({ world, theJob, below })
      const what = below(3)
      if (what === 0) {
        savepoints.push(`s${round}`)
        await takeSavepoint(options, `s${round}`)
      } else if (what === 1) await rewind(options, { to: { kind: 'start' } })
      const savepoint = savepoints[below(savepoints.length)]
      if (what === 2 && savepoint !== undefined) await restoreSavepoint(options, savepoint)
      await runForAWhile({ world, theJob, below })
    }
    await world.runToEnd(theJob)
    const all = Array.from({ length: produced }, (_, value) => value)
    for (const name of ['called', 'again', 'sent']) {
      const partitions = await Promise.all(
        Array.from({ length: PARTITIONS }, (_, each) => world.read(name, int64(), each)),
      )
      expect(
        partitions
          .flat()
          .map(([, value]) => value ?? -1)
          .sort((a, b) => a - b),
        name,
      ).toEqual(all)
    }
  },
)

test('a job whose results have gone through a repartition topic in any order is set back only if it repeats its outputs', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const { name } of [numbers, sent]) await world.topic(name)
  const calls = stream(numbers).mapAsync('any-order', slowly, { order: 'any', value: int64() })
  const theJob = job(
    'calls',
    calls
      .keyBy((value) => `n${value}`, string())
      .repartition('regrouped')
      .to(sent),
  )
  const { directory: data, stateDirectory, log, env } = world
  const options = { job: 'calls', log, env, data, stateDirectory }
  await world.produce(
    'numbers',
    int64(),
    [1, 2, 3].map((value) => ({ key: 'k', value, timestamp: value })),
  )
  await world.runToEnd(theJob)
  await expect(rewind(options, { to: { kind: 'start' } })).rejects.toMatchObject({
    code: 'REWIND_REFUSED',
    message: expect.stringContaining('Step any-order'),
  })
  await rewind(options, { to: { kind: 'start' }, repeatOutputs: true })
  await world.runToEnd(theJob)
  expect(await world.read('sent', int64())).toHaveLength(6)
})

test('a job with calls whose input gets other partitions appends nothing twice, if it is drained before', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const { name } of [numbers, called, again, sent]) await world.topic(name, { partitions: PARTITIONS })
  const { directory: data, stateDirectory, log, env } = world
  const theJob = jobOf('input')
  const produce = (from: number, to: number) => {
    const values = Array.from({ length: to - from }, (_, index) => from + index)
    return world.produce(
      'numbers',
      int64(),
      values.map((value) => ({ key: `k${value % 6}`, value, timestamp: value })),
    )
  }
  await produce(0, 40)
  const container = await world.start(theJob, { commitIntervalMs: 1 })
  while ((await world.read('called', int64())).length === 0) await world.env.timers.turn()
  await container.stop()
  await expect(rescaleTopic({ log, env, data, stateDirectory }, 'numbers', 3)).rejects.toMatchObject({
    code: 'OUTPUTS_UNKNOWN',
  })
  await world.runToEnd(theJob)
  await rescaleTopic({ log, env, data, stateDirectory }, 'numbers', 3)
  await produce(40, 60)
  await world.runToEnd(theJob)
  for (const name of ['called', 'again', 'sent']) {
    const partitions = await Promise.all(
      Array.from({ length: PARTITIONS }, (_, each) => world.read(name, int64(), each)),
    )
    expect(partitions.flat(), name).toHaveLength(60)
  }
})
