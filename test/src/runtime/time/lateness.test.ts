import { hopping, type Job, job, json, type Stream, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { firstValueFrom } from 'rxjs'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld, type TestRecord } from '../job-world.ts'
import { slowLog } from '../slow-log.ts'

const value = json<number>()
const flights = topic('flights', { key: string(), value })
const late = topic('late', { key: string(), value })
const finals = topic('finals', { key: windowed(string()), value })
const changes = topic('changes', { key: string(), value })

const MINUTE_MS = 60_000

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
})

afterEach(() => world.close())

async function topics(partitions = 1): Promise<void> {
  for (const { name } of [flights, late, finals, changes]) await world.topic(name, { partitions })
}

async function timesOf(name: string, partitions = 1): Promise<number[]> {
  const times: number[] = []
  for (let partition = 0; partition < partitions; partition++) {
    times.push(...(await world.read(name, value, partition)).map(([, , time]) => time))
  }
  return times
}

/** The sum of the values of a view. */
async function total(theJob: Job, view: string): Promise<number> {
  let sum = 0
  for (const each of (await world.rows(theJob, view)).values()) sum += each as number
  return sum
}

const again = (input: Stream<string, number>) => input.keyBy((_, key) => key, string())

const groupings: readonly [string, (input: Stream<string, number>) => Stream<string, number>][] = [
  ['groupByKey', (input) => input],
  ['groupBy', again],
  ['groupBy behind a repartition', (input) => again(again(input).repartition('first'))],
]
const intervals = [1, 10, 1000]

test.each(groupings.flatMap(([name, group]) => intervals.map((interval) => [name, interval, group] as const)))(
  'of 5000 records 50 are late, with %s and a commit every %d ms',
  async (_, commitIntervalMs, group) => {
    await topics()
    // One record a second; every hundredth comes twenty minutes late.
    const records = Array.from({ length: 5000 }, (__, index) => ({
      key: `k${index % 7}`,
      value: 1,
      timestamp: 60 * MINUTE_MS + 1000 * index - (index % 100 === 99 ? 20 * MINUTE_MS : 0),
    }))
    const counts = group(stream(flights))
      .groupByKey()
      .window(tumbling('1m', { grace: '1m' }))
      .count('counts')
    const theJob = job('late', counts, counts.late().to(late))
    await world.produce('flights', value, records)
    await world.runToEnd(theJob, { commitIntervalMs })
    expect((await timesOf('late')).length).toBe(50)
    expect(await total(theJob, 'counts')).toBe(4950)
  },
)

/**
 * How long commits take, in turns of the event loop. Until the stage before it has committed, a stage is at the end of its
 * input.
 */
const commitTurns = [0, 10, 100, 300]

test.each(commitTurns.flatMap((turns) => [1, 20].map((interval) => [turns, interval] as const)))(
  'a batch run loses no record in a window behind two repartitions: commits take %d turns, one every %d ms',
  async (turns, commitIntervalMs) => {
    const partitions = 3
    await topics(partitions)
    // Each partition is in order. The times of the last partition advance three times as fast as those of the first.
    const records = Array.from({ length: 6000 }, (_, index): TestRecord<number> => {
      const partition = index % partitions
      return { key: `k${index % 97}`, value: index, timestamp: 1000 * index * (partition + 1), partition }
    })
    const counts = stream(flights)
      .keyBy((number) => `n${number % 31}`, string())
      .repartition('first')
      .groupBy((number) => `m${number % 5}`, string())
      .window(tumbling('1m'))
      .count('counts')
    const theJob = job('batch', counts, counts.late().to(late))
    await world.produce('flights', value, records)
    await world.runToEnd(theJob, { commitIntervalMs, log: slowLog(world.log, turns) })
    expect(await timesOf('late', partitions)).toEqual([])
    expect(await total(theJob, 'counts')).toBe(6000)
  },
)

test.each([1, 8, 12])(
  'no final of windows with grace is late for windows behind it, in %d batch runs',
  async (runs) => {
    await topics()
    // Ten minutes, a record of each of three keys a second; every fifth is ten seconds behind.
    const records = Array.from({ length: 1800 }, (_, index) => ({
      key: `k${index % 3}`,
      value: 1,
      timestamp: 60_000 + 1000 * Math.floor(index / 3) - (index % 5 === 4 ? 10_000 : 0),
    }))
    const minutes = stream(flights)
      .groupByKey()
      .window(tumbling('1m', { grace: '30s' }))
      .count('minutes', { emit: 'final' })
    const pairs = minutes
      .changes()
      .groupBy(() => 'all', string())
      .window(tumbling('2m'))
      .aggregate('pairs', { init: () => 0, add: (sum, count) => sum + count, value, emit: 'final' })
    const theJob = job('finals', pairs, pairs.late().to(late), pairs.changes().to(finals))
    for (let run = 0; run < runs; run++) {
      const share = records.length / runs
      await world.produce('flights', value, records.slice(run * share, (run + 1) * share))
      await world.runToEnd(theJob)
    }
    expect(await timesOf('late')).toEqual([])
    expect((await world.read('finals', value)).map(([, count, time]) => [count, time + 1])).toEqual(
      [2, 4, 6, 8, 10].map((minute) => [countBetween(records, minute - 2, minute), minute * MINUTE_MS]),
    )
  },
)

function countBetween(records: readonly { readonly timestamp: number }[], from: number, to: number): number {
  return records.filter(({ timestamp }) => timestamp >= from * MINUTE_MS && timestamp < to * MINUTE_MS).length
}

test('the change that an older record makes has the greatest time of what it counts', async () => {
  await topics()
  const totals = stream(flights).groupByKey().count('totals')
  const windows = totals.changes().groupByKey().window(tumbling(10)).count('windows')
  const windowCounts = stream(flights)
    .groupByKey()
    .window(tumbling(50, { grace: 100 }))
    .count('graced')
  const theJob = job(
    'times',
    totals.changes().to(changes),
    windows,
    windows.late().to(late),
    windowCounts.changes().to(finals),
  )
  const records = [0, 100, 5, 40].map((timestamp) => ({ key: 'a', value: 1, timestamp }))
  await world.produce('flights', value, records)
  await world.runToEnd(theJob)
  expect(await timesOf('changes')).toEqual([0, 100, 100, 100])
  expect(await timesOf('late')).toEqual([])
  expect(await timesOf('finals')).toEqual([0, 100, 5, 40])
})

test('a record that is late for some of its windows is counted in the others, and is late once', async () => {
  await topics()
  const counts = stream(flights)
    .groupByKey()
    .window(hopping(40, { advance: 10 }))
    .count('counts')
  const theJob = job('once', counts, counts.late().to(late))
  // At 55 the windows from -10, 0 and 10 are closed; 25 is in those from -10 to 20.
  await world.produce(
    'flights',
    value,
    [55, 25].map((timestamp) => ({ key: 'a', value: 1, timestamp })),
  )
  const container = await world.start(theJob, { untilEnd: true })
  await container.done
  const { tasks } = await firstValueFrom(container.status)
  expect(tasks.map((task) => task.counts.late)).toEqual([1])
  expect(await timesOf('late')).toEqual([25])
  expect(Object.fromEntries(await world.rows(theJob, 'counts'))).toEqual({ 'a 20': 2, 'a 30': 1, 'a 40': 1, 'a 50': 1 })
})
