import { job, json, type Stream, stream, string, topic, tumbling, windowed } from '@millrace/core'
import type { Container } from '@millrace/runtime'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { ClockedWorld } from './clocked-world.ts'

const value = json<number>()
const one = topic('one', { key: string(), value })
const other = topic('other', { key: string(), value })
const finals = topic('finals', { key: windowed(string()), value })
const late = topic('late', { key: string(), value })
const seen = topic('seen', { key: string(), value })

const IDLE_MS = 30_000

let world: ClockedWorld

beforeEach(() => {
  world = new ClockedWorld()
})

afterEach(() => world.close())

/** A job that counts in windows of 10 s; finals and late records go to topics. */
function countingJob(input: Stream<string, number>) {
  const counts = input.groupByKey().window(tumbling('10s')).count('counts', { emit: 'final' })
  return job('counting', counts, counts.changes().to(finals), counts.late().to(late), stream(one).to(seen))
}

const merged = countingJob(stream(one).merge(stream(other)))

async function topics(partitions = 1): Promise<void> {
  for (const { name } of [one, other, finals, late, seen]) await world.topic(name, partitions)
}

const at = (topic: string, seconds: number, partition = 0) => ({
  topic,
  key: `k${partition}`,
  value: 1,
  timestamp: 1000 * seconds,
  partition,
})

/** Start of the window and count of every final, in seconds. */
async function finalCounts(): Promise<[number, number][]> {
  const records = await world.read('finals', value)
  return records.map(([, count, time]) => [(time + 1) / 1000 - 10, count])
}

/** Waits for finals that must come. */
async function expectSoon(finals: [number, number][]): Promise<void> {
  await soon(async () => expect((await finalCounts()).sort()).toEqual(finals))
}

async function soon(check: () => Promise<void>): Promise<void> {
  await vi.waitFor(check, { interval: 2, timeout: 10_000 })
}

async function produce(container: Container, ...records: ReturnType<typeof at>[]): Promise<void> {
  await world.produce(value, records)
  await world.processed(container)
}

describe('an input', () => {
  test('that gets a record each second is never idle, however far behind its times are', async () => {
    await topics()
    const container = await world.start(merged)
    for (let second = 0; second < 45; second++) {
      await produce(container, at('one', 300 + second), at('other', second))
      await world.pass(1000)
    }
    // The slower topic decides which windows have ended: four windows with its records. The records of the faster topic are in
    // later windows.
    await expectSoon([
      [0, 10],
      [10, 10],
      [20, 10],
      [30, 10],
    ])
    expect(await world.read('late', value)).toEqual([])
  })

  test('that was silent from the start is awake with its first records: none of them is late', async () => {
    await topics(2)
    const container = await world.start(merged, { commitIntervalMs: 1 })
    await world.pass(IDLE_MS + 5000)
    const records = Array.from({ length: 4000 }, (_, index) => at('one', index, index % 2))
    await produce(container, ...records)
    // The other topic may have records again too: it holds the watermark back until it has been silent for as long once more.
    await world.pass(IDLE_MS + 1000)
    await soon(async () => expect((await finalCounts()).reduce((sum, [, count]) => sum + count, 0)).toBe(3990))
    expect(await world.read('late', value)).toEqual([])
  })

  test('that was silent from the start is awake behind a repartition, too', async () => {
    await topics(2)
    const regrouped = countingJob(stream(one).keyBy((_, key) => key, string()))
    const container = await world.start(regrouped, { commitIntervalMs: 1 })
    await world.pass(IDLE_MS + 5000)
    // The records of the second partition come after those of the first, with the same times.
    const records = [0, 1].flatMap((partition) =>
      Array.from({ length: 2000 }, (_, index) => at('one', index, partition)),
    )
    await produce(container, ...records)
    await soon(async () => expect((await finalCounts()).reduce((sum, [, count]) => sum + count, 0)).toBe(3980))
    expect(await world.read('late', value)).toEqual([])
  })

  test('that was silent from the start is awake behind a repartition though its first records go nowhere', async () => {
    await topics(2)
    const regrouped = countingJob(
      stream(one)
        .filter((number) => number > 0)
        .keyBy((_, key) => key, string()),
    )
    const container = await world.start(regrouped, { commitIntervalMs: 1 })
    await world.pass(IDLE_MS + 5000)
    const filtered = Array.from({ length: 4000 }, () => ({ ...at('one', 0, 1), value: 0 }))
    const counted = [0, 1].map((partition) => Array.from({ length: 2000 }, (_, index) => at('one', index, partition)))
    await produce(container, ...filtered, ...counted.flat())
    await soon(async () => expect((await finalCounts()).reduce((sum, [, count]) => sum + count, 0)).toBe(3980))
    expect(await world.read('late', value)).toEqual([])
  })

  test('holds windows open until it was silent for the stated time, and no longer', async () => {
    await topics()
    const container = await world.start(merged, { idleAfterMs: 5000 })
    await produce(container, at('one', 5), at('other', 5))
    await world.pass(4000)
    await produce(container, at('one', 25))
    expect(await finalCounts()).toEqual([])
    await world.pass(2000)
    await expectSoon([[0, 2]])
  })

  test('that wakes finds closed what was closed without it, and open what was not', async () => {
    await topics()
    const container = await world.start(merged)
    await produce(container, at('one', 5), at('other', 5))
    await world.pass(IDLE_MS - 1000)
    await produce(container, at('one', 25))
    await world.pass(2000)
    await expectSoon([[0, 2]])
    await produce(container, at('other', 6), at('other', 24))
    await soon(async () => expect((await world.read('late', value)).map(([, , time]) => time)).toEqual([6000]))
    // It holds the watermark back again, at its own time.
    await produce(container, at('one', 45))
    expect(await finalCounts()).toEqual([[0, 2]])
    await produce(container, at('other', 41))
    await expectSoon([
      [0, 2],
      [20, 2],
    ])
  })
})

describe('when all inputs are idle', () => {
  test('time stands still: no window closes, and nothing that comes then is late', async () => {
    await topics()
    const container = await world.start(merged)
    await produce(container, at('one', 5), at('one', 100), at('other', 5))
    await world.pass(IDLE_MS + 5000)
    await world.pass(IDLE_MS + 5000)
    expect(await finalCounts()).toEqual([])
    await produce(container, at('other', 6))
    expect(await world.read('late', value)).toEqual([])
    await produce(container, at('other', 20))
    await expectSoon([[0, 3]])
  })

  test('time stands still behind a repartition', async () => {
    await topics(2)
    const regrouped = countingJob(stream(one).keyBy((_, key) => key, string()))
    const container = await world.start(regrouped)
    await produce(container, at('one', 5, 0), at('one', 100, 0), at('one', 5, 1))
    await world.pass(IDLE_MS + 5000)
    await world.processed(container)
    await world.pass(IDLE_MS + 5000)
    expect(await finalCounts()).toEqual([])
    await produce(container, at('one', 6, 1), at('one', 20, 1))
    await expectSoon([
      [0, 1],
      [0, 2],
    ])
    expect(await world.read('late', value)).toEqual([])
  })
})
