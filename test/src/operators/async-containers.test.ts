import { type AsyncContext, int64, type JobStatus, job, stream, string, topic } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import { filter, firstValueFrom, map } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from '../runtime/job-world.ts'

const numbers = topic('numbers', { key: string(), value: int64() })
const out = topic('out', { key: string(), value: int64() })

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  for (const name of ['numbers', 'out']) await world.topic(name)
})

afterEach(() => world.close())

interface Held {
  readonly value: number
  readonly context: AsyncContext
  readonly end: (value: number) => void
}

/** A job whose calls a test ends. */
function heldJob(held: Held[], concurrency: number) {
  const call = (value: number, _key: string, context: AsyncContext) => {
    const { promise, resolve } = Promise.withResolvers<number>()
    held.push({ value, context, end: resolve })
    return promise
  }
  return job('held', stream(numbers).mapAsync('calls', call, { concurrency, value: int64() }).to(out))
}

function produce(from: number, to: number): Promise<void> {
  const values = Array.from({ length: to - from }, (_, index) => from + index)
  return world.produce(
    'numbers',
    int64(),
    values.map((value) => ({ key: 'k', value, timestamp: value })),
  )
}

/** Resolves once a report of the job's only task meets a condition. */
function until(container: Container, condition: (task: JobStatus['tasks'][number]) => boolean): Promise<unknown> {
  const task = container.status.pipe(map(({ tasks }) => tasks[0]))
  return firstValueFrom(task.pipe(filter((each) => each !== undefined && condition(each))))
}

const results = async () => (await world.read('out', int64())).map(([, value]) => value)

test('a commit does not wait for a call, and what was under way at a stop is called again with the same key', async () => {
  const held: Held[] = []
  await produce(0, 3)
  const container = await world.start(heldJob(held, 2))
  await until(container, ({ counts, inputs }) => counts.commits > 0 && inputs[0]?.offset === 3)
  expect(held.map(({ value }) => value)).toEqual([0, 1])
  await container.stop()
  expect(held.every(({ context }) => context.signal.aborted)).toBe(true)
  const again: Held[] = []
  const other = await world.start(heldJob(again, 2), { untilEnd: true })
  while (again.length < 2) await world.env.timers.turn()
  expect(again.map(({ context }) => context.idempotencyKey)).toEqual(held.map(({ context }) => context.idempotencyKey))
  for (let ended = 0; ended < 3; ended++) {
    while (again[ended] === undefined) await world.env.timers.turn()
    again[ended]?.end(ended)
  }
  await other.done
  expect(await results()).toEqual([0, 1, 2])
})

test('a task at the bound leaves its records, goes on with its calls, and commits', async () => {
  const held: Held[] = []
  await produce(0, 30)
  const container = await world.start(heldJob(held, 2))
  await until(container, ({ counts, inputs }) => counts.commits > 0 && inputs[0]?.offset === 8)
  held[0]?.end(0)
  await until(container, ({ counts, inputs }) => counts.emitted === 1 && inputs[0]?.offset === 9)
  expect(held.map(({ value }) => value)).toEqual([0, 1, 2])
  for (let ended = 1; ended < 30; ended++) {
    while (held[ended] === undefined) await world.env.timers.turn()
    held[ended]?.end(ended)
  }
  await until(container, ({ counts }) => counts.emitted === 30)
  await container.stop()
  expect(await results()).toEqual(Array.from({ length: 30 }, (_, value) => value))
})

test('a run to the end leaves records that come meanwhile, and ends behind its last call', async () => {
  const held: Held[] = []
  await produce(0, 1)
  const container = await world.start(heldJob(held, 2), { untilEnd: true })
  while (held[0] === undefined) await world.env.timers.turn()
  await produce(1, 5)
  let ended = false
  void container.done.then(() => {
    ended = true
  })
  for (let turn = 0; turn < 50; turn++) await world.env.timers.turn()
  expect(ended).toBe(false)
  held[0].end(0)
  await container.done
  expect(await results()).toEqual([0])
})

test('a call that fails stops the job by default, and is made again at the next start', async () => {
  await produce(0, 2)
  let isDown = true
  const call = async (value: number) => {
    if (isDown && value === 1) throw new Error('the service is down')
    return value
  }
  const theJob = job('stops', stream(numbers).mapAsync('calls', call, { value: int64() }).to(out))
  await expect(world.runToEnd(theJob)).rejects.toMatchObject({
    code: 'CALLBACK_FAILED',
    message: 'The call of mapAsync "calls" failed: the service is down (result of mapAsync "calls" for key "k")',
  })
  isDown = false
  await world.runToEnd(theJob)
  expect(await results()).toEqual([0, 1])
})

test('tasks that move between processes while calls are under way have one result for each record', async () => {
  await world.topic('spread', { partitions: 4 })
  const spread = topic('spread', { key: string(), value: int64() })
  const slowly = async (value: number) => {
    for (let turn = 0; turn < (value % 7) * 10; turn++) await world.env.timers.turn()
    return value
  }
  const theJob = job('moves', stream(spread).mapAsync('calls', slowly, { concurrency: 2, value: int64() }).to(out))
  const values = Array.from({ length: 80 }, (_, value) => value)
  await world.produce(
    'spread',
    int64(),
    values.map((value) => ({ key: `k${value % 4}`, value, timestamp: value, partition: value % 4 })),
  )
  const containers: Container[] = []
  for (let moved = 0; moved < 3; moved++) {
    containers.push(await world.start(theJob, { commitIntervalMs: 1 }))
    for (let turn = 0; turn < 40; turn++) await world.env.timers.turn()
    if (moved > 0) await containers.shift()?.stop()
  }
  for (const container of containers) await container.stop()
  await world.runToEnd(theJob)
  const found = await results()
  for (let partition = 0; partition < 4; partition++) {
    const ofPartition = (all: readonly (number | null)[]) => all.filter((value) => (value ?? -1) % 4 === partition)
    expect(ofPartition(found)).toEqual(ofPartition(values))
  }
})
