import { existsSync } from 'node:fs'
import { openFileLog } from '@millrace/connectors/file'
import { memoryLog } from '@millrace/connectors/memory'
import { type Env, int64, type Job, job, type Log, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { nodeEnv } from '@millrace/core/node'
import {
  parseRewindPlace,
  planRescale,
  rescaleTopic,
  restoreSavepoint,
  resumeRestore,
  rewind,
  takeSavepoint,
} from '@millrace/runtime'
import { expect, onTestFinished, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { seededRandom } from '../flights/seeded-random.ts'
import { countingJob, KEYS, numbers, passed } from './counting-job.ts'
import { JobWorld } from './job-world.ts'

const SEEDS = Number(process.env['MILLRACE_RESCALED_JOBS'] ?? trials(8))

async function openWorld(partitions: number): Promise<JobWorld> {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  await world.topic('numbers', { partitions })
  for (const name of ['passed', 'changes']) await world.topic(name, { partitions: 2 })
  return world
}

function optionsOf({ directory, stateDirectory, ...world }: JobWorld, env: Env = world.env, log: Log = world.log) {
  return { log, env, data: directory, stateDirectory: `${directory}/state` }
}

/** Appends so many numbers, each to the partition of its key. */
async function produce(world: JobWorld, first: number, count: number): Promise<void> {
  const { partitions = 0 } = (await world.log.admin.describeTopic('numbers')) ?? {}
  const records = Array.from({ length: count }, (_, index) => {
    const value = first + index
    const key = `k${value % KEYS}`
    return { key, value, timestamp: value, partition: partitionOf(Buffer.from(key), 0, key.length, partitions) }
  })
  await world.produce('numbers', int64(), records)
}

async function readAll(world: JobWorld, name: string): Promise<[string | null, number | null][]> {
  const { partitions = 0 } = (await world.log.admin.describeTopic(name)) ?? {}
  const all: [string | null, number | null][] = []
  for (let partition = 0; partition < partitions; partition++) {
    for (const [key, value] of await world.read(name, int64(), partition)) all.push([key, value])
  }
  return all
}

/** Every number was counted once, passed once, and has changed its count once. */
async function check(world: JobWorld, made: Job, count: number): Promise<void> {
  const expected = new Map<string, number>()
  for (let value = 0; value < count; value++) {
    const key = `k${value % KEYS}`
    expected.set(key, 1 + (expected.get(key) ?? 0))
  }
  expect(await world.rows(made, 'counts')).toEqual(expected)
  const values = (await readAll(world, 'passed')).map(([, value]) => value ?? -1).sort((a, b) => a - b)
  expect(values).toEqual(Array.from({ length: count }, (_, value) => value))
  const changed = new Map<string, number>()
  for (const [key] of await readAll(world, 'changes')) changed.set(key ?? '', 1 + (changed.get(key ?? '') ?? 0))
  expect(changed).toEqual(expected)
}

/** Every call to the disk fails from one on: the process is dead. */
function dyingEnv(isDead: () => boolean): Env {
  const env = nodeEnv()
  const files = new Proxy(env.files, {
    get(target, name) {
      const found: unknown = Reflect.get(target, name)
      if (typeof found !== 'function') return found
      return (...args: unknown[]) => {
        if (isDead()) throw Object.assign(new Error('EIO: the process is dead'), { code: 'EIO' })
        return found.apply(target, args)
      }
    },
  })
  return { ...env, files }
}

/** A job that is refused after a rescale that has died runs once the same rescale was called again. */
async function finishAndRun(refused: Error, world: JobWorld, made: Job): Promise<void> {
  expect(refused).toMatchObject({ code: 'RESTORE_UNFINISHED' })
  const { partitions = 0 } = (await world.log.admin.describeTopic('numbers')) ?? {}
  expect(await rescaleTopic(optionsOf(world), 'numbers', partitions)).toMatchObject({ records: null, jobs: ['shop'] })
  await world.runToEnd(made)
}

test('a job whose input gets another number of partitions counts everything once, and repeats no output, whenever the rescale dies', {
  timeout: 240_000,
}, async () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const random = seededRandom(seed)
    const below = (bound: number) => Math.floor(random() * bound)
    const made = countingJob(random() < 0.5)
    const world = await openWorld(1 + below(4))
    let count = 0
    try {
      for (let round = 0; round < 4; round++) {
        const more = below(200)
        await produce(world, count, more)
        count += more
        if (count > 0) await world.runToEnd(made).catch((error: Error) => finishAndRun(error, world, made))
        const partitions = 1 + below(5)
        if (random() < 0.6) {
          let calls = below(1500)
          const env = dyingEnv(() => calls-- <= 0)
          const log = await openFileLog({ directory: world.directory, env, durability: 'os' }).catch(() => undefined)
          if (log === undefined) continue
          await rescaleTopic(optionsOf(world, env, log), 'numbers', partitions).catch(() => undefined)
          await log.close().catch(() => undefined)
          if (random() < 0.5) {
            const started = await world.start(made).catch((error: Error) => error)
            if (started instanceof Error) expect(started).toMatchObject({ code: 'RESTORE_UNFINISHED' })
            else await started.stop()
          }
        }
        if (random() < 0.8) {
          await rescaleTopic(optionsOf(world), 'numbers', partitions)
          expect((await world.log.admin.describeTopic('numbers'))?.partitions).toBe(partitions)
        }
      }
      await rescaleTopic(optionsOf(world), 'numbers', 3)
      await world.runToEnd(made)
      await check(world, made, count)
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : error}`, { cause: error })
    }
  }
})

test('a topic that a job appends to, with what its transactions leave at the end, is rescaled once all its records are processed', async () => {
  const world = await openWorld(2)
  await world.topic('sent', { partitions: 2 })
  const sent = topic('sent', { key: string(), value: int64() })
  const sending = job('sending', stream(sent).to(numbers))
  const send = async (first: number, count: number) => {
    const records = Array.from({ length: count }, (_, index) => ({
      key: `k${(first + index) % KEYS}`,
      value: first + index,
      timestamp: first + index,
    }))
    await world.produce('sent', int64(), records)
    await world.runToEnd(sending)
  }
  const made = countingJob(true)
  await send(0, 100)
  await world.runToEnd(made)
  await rescaleTopic(optionsOf(world), 'numbers', 3)
  await send(100, 30)
  await expect(rescaleTopic(optionsOf(world), 'numbers', 4)).rejects.toMatchObject({ code: 'OUTPUTS_UNKNOWN' })
  await world.runToEnd(made)
  await rescaleTopic(optionsOf(world), 'numbers', 1)
  await world.runToEnd(made)
  await check(world, made, 130)
})

test('two inputs that are read together are rescaled one after the other', async () => {
  const world = await openWorld(2)
  await world.topic('others', { partitions: 2 })
  const others = topic('others', { key: string(), value: int64() })
  const made = job(
    'shop',
    stream(numbers).groupByKey().count('counts'),
    stream(numbers).merge(stream(others)).groupByKey().count('both'),
    stream(numbers).to(passed),
  )
  await produce(world, 0, 100)
  await world.produce('others', int64(), [
    { key: 'k1', value: 1, timestamp: 1, partition: partitionOf(Buffer.from('k1'), 0, 2, 2) },
  ])
  await world.runToEnd(made)
  const { companions } = await planRescale(optionsOf(world), 'numbers', 3)
  expect(companions).toEqual([{ topic: 'others', jobs: ['shop'] }])
  await rescaleTopic(optionsOf(world), 'numbers', 3)
  await expect(world.start(made)).rejects.toThrow(
    expect.objectContaining({ code: 'JOB_INVALID', message: expect.stringContaining('millrace rescale') }),
  )
  expect((await planRescale(optionsOf(world), 'others', 3)).companions).toEqual([])
  await rescaleTopic(optionsOf(world), 'others', 3)
  await produce(world, 100, 20)
  await world.runToEnd(made)
  const both = await world.rows(made, 'both')
  expect([...both.values()].reduce((sum: number, each) => sum + Number(each), 0)).toBe(121)
  expect((await readAll(world, 'passed')).length).toBe(120)
})

test('the plan names the jobs that read the topic, and changes nothing', async () => {
  const world = await openWorld(2)
  await produce(world, 0, 50)
  await world.runToEnd(countingJob(true))
  const plan = await planRescale(optionsOf(world), 'numbers', 5)
  const shown = { topic: 'numbers', from: 2, to: 5, records: 50, jobs: ['shop'], companions: [] }
  expect(plan).toEqual({ ...shown, bytes: plan.bytes })
  expect(plan.bytes).toBeGreaterThan(50)
  expect((await planRescale(optionsOf(world), 'passed', 3)).jobs).toEqual([])
  expect((await world.log.admin.describeTopic('numbers'))?.partitions).toBe(2)
})

test('a rescale is refused while a job that reads the topic runs, and leaves it as it was', async () => {
  const world = await openWorld(2)
  await produce(world, 0, 50)
  const made = countingJob(false)
  await world.runToEnd(made)
  const container = await world.start(made)
  await expect(rescaleTopic(optionsOf(world), 'numbers', 3)).rejects.toMatchObject({ code: 'JOB_RUNNING' })
  await container.stop()
  await rescaleTopic(optionsOf(world), 'numbers', 3)
})

test('a job that has not processed everything is not set back unless it may repeat its outputs', async () => {
  const world = await openWorld(2)
  await produce(world, 0, 50)
  const made = countingJob(false)
  await world.runToEnd(made)
  await produce(world, 50, 10)
  await expect(rescaleTopic(optionsOf(world), 'numbers', 3)).rejects.toThrow(
    expect.objectContaining({
      code: 'OUTPUTS_UNKNOWN',
      message: expect.stringMatching(/numbers\/[01] up to offset \d+/),
    }),
  )
  expect((await world.log.admin.describeTopic('numbers'))?.partitions).toBe(2)
  await rescaleTopic(optionsOf(world), 'numbers', 3, { repeatOutputs: true })
  await world.runToEnd(made)
  expect((await readAll(world, 'passed')).length).toBe(110)
})

test('a job is not set back to a savepoint from before its input was rescaled, and loses no output by the attempt', async () => {
  const world = await openWorld(1)
  const made = countingJob(false)
  const place = { ...optionsOf(world), job: 'shop' }
  await produce(world, 0, 100)
  await world.runToEnd(made)
  await takeSavepoint(place, 'before')
  await rescaleTopic(optionsOf(world), 'numbers', 4)
  await world.runToEnd(made)
  await expect(restoreSavepoint(place, 'before')).rejects.toMatchObject({ code: 'TOPIC_REPLACED' })
  await produce(world, 100, 50)
  await world.runToEnd(made)
  await check(world, made, 150)
})

test('a topic is not rescaled while a job that reads it is being set back, until that is finished', async () => {
  const world = await openWorld(2)
  const made = countingJob(false)
  await produce(world, 0, 50)
  await world.runToEnd(made)
  const isBegun = () => existsSync(`${world.directory}/savepoints/shop/.restoring`)
  for (let calls = 5; !isBegun(); calls += 5) {
    let left = calls
    const env = dyingEnv(() => left-- <= 0)
    const log = await openFileLog({ directory: world.directory, env, durability: 'os' }).catch(() => undefined)
    if (log === undefined) continue
    const place = { ...optionsOf(world, env, log), job: 'shop' }
    await rewind(place, { to: parseRewindPlace('start') }).catch(() => undefined)
    await log.close().catch(() => undefined)
  }
  await expect(rescaleTopic(optionsOf(world), 'numbers', 3)).rejects.toMatchObject({ code: 'RESTORE_UNFINISHED' })
  await resumeRestore({ ...optionsOf(world), job: 'shop' })
  await world.runToEnd(made)
  await rescaleTopic(optionsOf(world), 'numbers', 3)
  await world.runToEnd(made)
  await check(world, made, 50)
})

test('a job that was made to skip records is not set back unless it may repeat its outputs', async () => {
  const world = await openWorld(1)
  const made = countingJob(false)
  await produce(world, 0, 20)
  await world.runToEnd(made)
  await produce(world, 20, 20)
  await rewind({ ...optionsOf(world), job: 'shop' }, { to: parseRewindPlace('numbers/0=30'), skip: true })
  await world.runToEnd(made)
  await expect(rescaleTopic(optionsOf(world), 'numbers', 3)).rejects.toThrow(
    expect.objectContaining({
      code: 'OUTPUTS_UNKNOWN',
      message: expect.stringMatching(/skip numbers\/0 from offset 20 to 30/),
    }),
  )
  await rescaleTopic(optionsOf(world), 'numbers', 3, { repeatOutputs: true })
  await world.runToEnd(made)
  expect((await readAll(world, 'passed')).length).toBe(30 + 40)
})

test('a job whose windows have closed is not set back unless it may repeat its outputs', async () => {
  const world = await openWorld(2)
  await produce(world, 0, 50)
  const finals = stream(numbers).groupByKey().window(tumbling(5)).count('windows', { emit: 'final' })
  await world.topic('finals')
  await world.runToEnd(job('shop', finals.changes().to(topic('finals', { key: windowed(string()), value: int64() }))))
  await expect(rescaleTopic(optionsOf(world), 'numbers', 3)).rejects.toThrow(
    expect.objectContaining({ code: 'OUTPUTS_UNKNOWN', message: expect.stringContaining('windows') }),
  )
  await rescaleTopic(optionsOf(world), 'numbers', 3, { repeatOutputs: true })
})

test("a job's own topics, the node's, and topics of a log that cannot do it are not rescaled", async () => {
  const world = await openWorld(2)
  await produce(world, 0, 50)
  await world.runToEnd(countingJob(true))
  await world.topic('millrace.deployments')
  for (const name of ['shop.changelog', 'shop.catalog', 'shop.counts.repartition', 'millrace.deployments']) {
    await expect(planRescale(optionsOf(world), name, 3)).rejects.toMatchObject({ code: 'BAD_INPUT' })
    await expect(rescaleTopic(optionsOf(world), name, 3)).rejects.toMatchObject({ code: 'BAD_INPUT' })
  }
  await expect(rescaleTopic(optionsOf(world), 'nothing', 3)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
  const memory = memoryLog(world.env)
  await memory.admin.createTopic('t')
  await expect(rescaleTopic(optionsOf(world, world.env, memory), 't', 3)).rejects.toMatchObject({ code: 'UNSUPPORTED' })
})
