import { job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ClockedWorld } from './clocked-world.ts'

const value = json<number>()
const a = topic('a', { key: string(), value })
const b = topic('b', { key: string(), value })
const finals = topic('finals', { key: windowed(string()), value })
const late = topic('late', { key: string(), value })

const counts = stream(a).merge(stream(b)).groupByKey().window(tumbling(10)).count('counts', { emit: 'final' })
const merged = job('merged', counts, counts.changes().to(finals), counts.late().to(late))

const regroupedCounts = stream(a)
  .groupBy((_, key) => key, string())
  .window(tumbling(10))
  .count('counts', { emit: 'final' })
const regrouped = job(
  'regrouped',
  regroupedCounts,
  regroupedCounts.changes().to(finals),
  regroupedCounts.late().to(late),
)

let world: ClockedWorld

beforeEach(async () => {
  world = new ClockedWorld()
  // Records for a and b go to their first partitions. The other partitions stay empty.
  for (const name of ['a', 'b', 'finals', 'late']) await world.topic(name, 2)
})

afterEach(() => world.close())

/** Records of key k in topic a, at these times. */
async function produce(...times: number[]): Promise<void> {
  await world.produce(
    value,
    times.map((timestamp) => ({ topic: 'a', key: 'k', value: 1, timestamp })),
  )
}

/** Start and count of every final, by start. */
async function finalCounts(): Promise<[number, number][]> {
  const records = await world.read('finals', value)
  return records.map(([, count, time]): [number, number] => [time - 9, count]).sort(([start], [other]) => start - other)
}

async function lateTimes(): Promise<number[]> {
  return (await world.read('late', value)).map(([, , time]) => time)
}

const jobs = [
  ['merged with an empty topic', merged, { topic: 'b', partition: 0 }],
  ['behind a repartition with an empty source partition', regrouped, { topic: 'a', partition: 1 }],
] as const

/** How a test waits for a result that must come. */
const SOON = { interval: 2, timeout: 10_000 }

test.each(jobs)('a batch run emits no final that the one before has emitted: %s', async (_, theJob) => {
  await produce(5, 15, 100)
  await (await world.start(theJob, { untilEnd: true })).done
  expect(await finalCounts()).toEqual([
    [0, 1],
    [10, 1],
  ])
  await produce(150, 300)
  await (await world.start(theJob, { untilEnd: true })).done
  expect(await finalCounts()).toEqual([
    [0, 1],
    [10, 1],
    [100, 1],
    [150, 1],
  ])
})

test.each(jobs)(
  'a record is late in a second batch run for a window that the first has closed: %s',
  async (_, theJob) => {
    await produce(5, 100)
    await (await world.start(theJob, { untilEnd: true })).done
    await produce(6)
    await (await world.start(theJob, { untilEnd: true })).done
    await produce(130)
    await (await world.start(theJob, { untilEnd: true })).done
    expect(await finalCounts()).toEqual([
      [0, 1],
      [100, 1],
    ])
    expect(await lateTimes()).toEqual([6])
  },
)

test.each(jobs)(
  'a batch run emits the finals that a live run, stopped before it knew the time, has left: %s',
  async (_, theJob) => {
    await produce(5, 100)
    const live = await world.start(theJob)
    await world.processed(live)
    expect(await finalCounts()).toEqual([])
    await live.stop()
    await (await world.start(theJob, { untilEnd: true })).done
    expect(await finalCounts()).toEqual([[0, 1]])
    await produce(105, 200)
    await (await world.start(theJob, { untilEnd: true })).done
    expect(await finalCounts()).toEqual([
      [0, 1],
      [100, 2],
    ])
  },
)

test.each(jobs)(
  'a live run emits the finals that the one before has left, once an input has been idle: %s',
  async (_, theJob) => {
    await produce(5, 100)
    const first = await world.start(theJob)
    await world.processed(first)
    await first.stop()
    const second = await world.start(theJob)
    await world.pass(20_000)
    await produce(101)
    await world.processed(second)
    expect(await finalCounts()).toEqual([])
    await world.pass(20_000)
    // The source tasks report that they are idle with a commit, and the window's task emits the final with another.
    await vi.waitFor(async () => expect(await finalCounts()).toEqual([[0, 1]]), SOON)
  },
)

test.each(jobs)('time that has passed an idle input stays after a restart: %s', async (_, theJob, silent) => {
  const first = await world.start(theJob)
  await produce(5)
  await world.pass(20_000)
  await produce(100)
  await world.pass(20_000)
  await vi.waitFor(async () => expect(await finalCounts()).toEqual([[0, 1]]), SOON)
  await first.stop()
  const second = await world.start(theJob)
  await world.produce(value, [{ ...silent, key: 'k', value: 1, timestamp: 7 }])
  await vi.waitFor(async () => expect(await lateTimes()).toEqual([7]), SOON)
  await second.stop()
  await produce(150)
  await (await world.start(theJob, { untilEnd: true })).done
  // The input that was idle holds the watermark back again, at its own time. Closed windows stay closed.
  expect(await finalCounts()).toEqual([[0, 1]])
})

test.each(jobs)('a lost state directory repeats no final and loses none: %s', async (_, theJob) => {
  await produce(5, 15, 100)
  await (await world.start(theJob, { untilEnd: true })).done
  world.loseState()
  await produce(150)
  await (await world.start(theJob, { untilEnd: true })).done
  world.loseState()
  await (await world.start(theJob, { untilEnd: true })).done
  expect(await finalCounts()).toEqual([
    [0, 1],
    [10, 1],
    [100, 1],
  ])
})
