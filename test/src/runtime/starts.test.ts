import { rmSync } from 'node:fs'
import { type Job, job, json, type Position, type Start, stream, string, table, topic } from '@millrace/core'
import {
  type ContainerOptions,
  planJob,
  rescaleTopic,
  resetJob,
  restoreSavepoint,
  rewind,
  takeSavepoint,
} from '@millrace/runtime'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { cutRuns } from '../operators/cut-runs.ts'
import { Cut, cutLog, guaranteeAt, passLog, withWriters } from './cut-log.ts'
import { JobWorld } from './job-world.ts'

const PARTITIONS = 2
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(10))

const numbers = topic('numbers', { key: string(), value: json<number>() })
const others = topic('others', { key: string(), value: json<number>() })
const passed = topic('passed', { key: string(), value: json<number>() })

/** A view of one subtopology, a view behind a repartition, and an output. */
function countingFrom(start?: Start): Job {
  const read = stream(numbers, start === undefined ? {} : { start })
  const byDigit = read.groupBy((value) => `${value % 3}`, string()).count('by-digit')
  return job('j', read.groupByKey().count('counts'), byDigit, read.to(passed))
}

let world: JobWorld
let produced: number

beforeEach(async () => {
  world = await JobWorld.open()
  for (const name of ['numbers', 'others', 'passed']) await world.topic(name, { partitions: PARTITIONS })
  produced = 0
})

afterEach(() => world.close())

/** Appends so many numbers from 0 up to each partition, a second apart. */
async function produce(count: number, name = 'numbers'): Promise<void> {
  const records = Array.from({ length: count }, (_, index) => produced + index).flatMap((value) =>
    [0, 1].map((partition) => ({ key: `k${partition}`, value, timestamp: value * 1000, partition })),
  )
  await world.produce(name, json<number>(), records)
  produced += count
}

const place = () => ({ job: 'j', log: world.log, env: world.env, stateDirectory: world.stateDirectory })

async function notesOf(theJob: Job, options: Partial<ContainerOptions> = {}): Promise<string> {
  const notices: string[] = []
  await world.runToEnd(theJob, { ...options, onNotice: (notice) => notices.push(notice) })
  return notices.join('\n')
}

/** From where each view of a job that is not running counts. */
async function completeFrom(theJob: Job): Promise<Record<string, Position>> {
  const container = await world.start(theJob)
  try {
    return Object.fromEntries(container.views.map((view) => [view.name, view.completeFrom]))
  } finally {
    await container.stop()
  }
}

/** What the job has appended of a partition of the numbers, whichever partition it went to. */
async function passedIn(partition: number): Promise<(number | null)[]> {
  const all = [...(await world.read('passed', passed.value, 0)), ...(await world.read('passed', passed.value, 1))]
  return all.flatMap(([key, value]) => (key === `k${partition}` ? [value] : []))
}

const rows = (of: Record<string, number>) => new Map(Object.entries(of))

describe('a job that has never run begins', () => {
  const first: [string, Start | undefined, Record<number, number>][] = [
    ['at the first records', undefined, {}],
    ['at the first records, if that is written down', 'earliest', {}],
    ['behind the last records', 'latest', { 0: 10, 1: 10 }],
    ['at the first record of a time', { time: '1970-01-01T00:00:06.500Z' }, { 0: 7, 1: 7 }],
    ['at a time in ms', { time: 3000 }, { 0: 3, 1: 3 }],
    ['behind the last records, if all are earlier than the time', { time: '2026-01-01' }, { 0: 10, 1: 10 }],
    ['at offsets, and at the start of partitions that are not named', { offsets: { 1: 4 } }, { 1: 4 }],
  ]

  test.each(first)('%s, is stated with every view, and is followed by its commits', async (_, start, from) => {
    await produce(10)
    const theJob = countingFrom(start)
    await world.runToEnd(theJob)
    await produce(2)
    const [at0 = 0, at1 = 0] = [from[0], from[1]]
    const position = Object.keys(from).length === 0 ? {} : { numbers: from }
    expect(await completeFrom(theJob)).toEqual({ counts: position, 'by-digit': position })
    rmSync(world.stateDirectory, { recursive: true })
    await world.runToEnd(theJob)
    const counts = await world.rows(theJob, 'counts')
    expect(counts).toEqual(rows({ k0: 12 - at0, k1: 12 - at1 }))
    const byDigit = await world.rows(theJob, 'by-digit')
    expect([...byDigit.values()].reduce<number>((sum, count) => sum + Number(count), 0)).toBe(24 - at0 - at1)
    const all = Array.from({ length: 12 }, (__, value) => value)
    expect([await passedIn(0), await passedIn(1)]).toEqual([all.slice(at0), all.slice(at1)])
  })

  test('as a table too, which then has the rows of later records only', async () => {
    await produce(3)
    const theJob = job('j', table(numbers, 'rows', { start: 'latest' }))
    await world.runToEnd(theJob)
    expect(await world.rows(theJob, 'rows')).toEqual(new Map())
    await produce(1)
    await world.runToEnd(theJob)
    expect(await world.rows(theJob, 'rows')).toEqual(rows({ k0: 3, k1: 3 }))
    expect(await completeFrom(theJob)).toEqual({ rows: { numbers: { 0: 3, 1: 3 } } })
  })

  test('nowhere, if the offsets are not there: the start is refused', async () => {
    await produce(10)
    const out = { code: 'START_OUT_OF_RANGE', place: { job: 'j', topic: 'numbers', partition: 1 } }
    await expect(world.runToEnd(countingFrom({ offsets: { 1: 11 } }))).rejects.toMatchObject(out)
    const missing = countingFrom({ offsets: { 2: 0 } })
    await expect(world.runToEnd(missing)).rejects.toThrow('at offset 0: there are only partitions 0 to 1')
    const plan = await planJob(missing, world)
    expect([plan.change, plan.refusals.map(({ code }) => code)]).toEqual(['blocked', ['START_OUT_OF_RANGE']])
    await world.log.admin.purge('numbers', 0, 10)
    await world.runToEnd(countingFrom({ offsets: { 1: 10 } }))
  })
})

test('where a job begins is decided once: a crash before its first commit changes nothing', async () => {
  await produce(5)
  const theJob = countingFrom('latest')
  // The catalog is the first commit. What comes after it is not committed.
  const log = cutLog(world.log, 'before commit', 2)
  const container = await world.start(theJob, { log })
  await produce(5)
  await expect(container.done).rejects.toThrow(Cut)
  rmSync(world.stateDirectory, { recursive: true, force: true })
  await produce(5)
  await world.runToEnd(theJob)
  expect(await world.rows(theJob, 'counts')).toEqual(rows({ k0: 10, k1: 10 }))
  expect(await completeFrom(theJob)).toMatchObject({ counts: { numbers: { 0: 5, 1: 5 } } })
})

test('processes that start together while records come begin at the same place', async () => {
  const theJob = countingFrom('latest')
  await produce(1)
  const [containers] = await Promise.all([
    Promise.all([1, 2, 3].map(() => world.start(theJob))),
    // More than the containers need to start.
    (async () => {
      for (let more = 0; more < 100; more++) await produce(1)
    })(),
  ])
  for (const container of containers) await container.stop()
  await world.runToEnd(theJob)
  const from = (await completeFrom(theJob))['counts']?.['numbers'] ?? {}
  const counts = await world.rows(theJob, 'counts')
  expect([counts.get('k0') ?? 0, counts.get('k1') ?? 0]).toEqual([0, 1].map((each) => produced - (from[each] ?? 0)))
  const all = Array.from({ length: produced }, (_, value) => value)
  expect(await passedIn(0)).toEqual(all.slice(from[0]))
})

test('of two processes that decide where a job begins, the first one counts', async () => {
  const theJob = countingFrom('latest')
  await produce(1)
  const decides = Promise.withResolvers<void>()
  const mayCommit = Promise.withResolvers<void>()
  const log = {
    ...passLog(world.log),
    join: withWriters(world.log, (writer) => {
      const commit = writer.commit.bind(writer)
      writer.commit = async (groups, ready) => {
        decides.resolve()
        await mayCommit.promise
        return commit(groups, ready)
      }
      return writer
    }),
  }
  const late = world.start(theJob, { log })
  await decides.promise
  await produce(2)
  const early = await world.start(theJob)
  await produce(2)
  mayCommit.resolve()
  for (const container of [await late, early]) await container.stop()
  await world.runToEnd(theJob)
  expect(await completeFrom(theJob)).toMatchObject({ counts: { numbers: { 0: 3, 1: 3 } } })
  expect(await world.rows(theJob, 'counts')).toEqual(rows({ k0: 2, k1: 2 }))
})

test('a start that changes under the name of a job has no effect, and the job reports that', async () => {
  await produce(5)
  await world.runToEnd(countingFrom('latest'))
  await produce(5)
  const notes = await notesOf(countingFrom('earliest'))
  expect(notes).toContain(
    'The start of topic numbers is earliest now. That changes nothing: the job has begun at numbers/0=5',
  )
  expect(await notesOf(countingFrom())).toBe('')
  expect(await world.rows(countingFrom(), 'counts')).toEqual(rows({ k0: 5, k1: 5 }))
  expect(await completeFrom(countingFrom())).toMatchObject({ counts: { numbers: { 0: 5, 1: 5 } } })
  await resetJob(place())
  await world.runToEnd(countingFrom())
  expect(await world.rows(countingFrom(), 'counts')).toEqual(rows({ k0: 10, k1: 10 }))
  expect(await notesOf(countingFrom('latest'))).toContain("the job has begun at the topic's start")
  await produce(1)
  await world.runToEnd(countingFrom('latest'))
  expect(await completeFrom(countingFrom('latest'))).toMatchObject({ counts: {} })
  expect(await world.rows(countingFrom('latest'), 'counts')).toEqual(rows({ k0: 11, k1: 11 }))
})

test('a job that is reset, and another version of it, begin at the present start of the job', async () => {
  await produce(5)
  await world.runToEnd(countingFrom('latest'))
  await produce(5)
  await resetJob(place())
  await world.runToEnd(countingFrom('latest'))
  await world.runToEnd(countingFrom({ offsets: { 0: 7 } }).withVersion(2))
  await produce(1)
  const second = countingFrom({ offsets: { 0: 7 } }).withVersion(2)
  for (const each of [countingFrom('latest'), second]) await world.runToEnd(each)
  expect(await world.rows(countingFrom('latest'), 'counts')).toEqual(rows({ k0: 1, k1: 1 }))
  expect(await world.rows(second, 'counts')).toEqual(rows({ k0: 4, k1: 11 }))
})

test('an input that a job gets later begins at its start, also in a job without stores', async () => {
  await produce(3)
  await produce(3, 'others')
  const before = stream(numbers).to(passed)
  await world.runToEnd(job('j', before))
  const theJob = job('j', before, stream(others, { start: 'latest' }).to(passed))
  expect(await notesOf(theJob)).toContain('Topic others is read from others/0=3,others/1=3 on (start: latest)')
  await produce(1, 'others')
  await world.runToEnd(theJob)
  expect(await passedIn(0)).toEqual([0, 1, 2, 6])
})

test('a plan states from where new stores would count, and what a reset would read', async () => {
  await produce(10)
  const plan = await planJob(countingFrom({ time: 6000 }), world)
  expect(plan.stores.map(({ store, fate, completeFrom: from }) => [store, fate, from])).toEqual([
    ['counts', 'new', { numbers: { 0: 6, 1: 6 } }],
    ['by-digit', 'new', { numbers: { 0: 6, 1: 6 } }],
  ])
  expect(plan.recompute).toEqual({ records: 8, topics: [{ topic: 'numbers', records: 8, deleted: 0 }] })
})

describe('a job that began behind the first records', () => {
  const theJob = countingFrom('latest')
  const options = () => ({ ...place(), data: world.directory })

  beforeEach(async () => {
    await produce(5)
    await world.runToEnd(theJob)
    await produce(5)
    await world.runToEnd(theJob)
  })

  test('is rewound to a later place, and to its beginning, without outputs twice', async () => {
    for (const to of [7, 5]) {
      const position = { numbers: { 0: to, 1: to } }
      await rewind(options(), { to: { kind: 'position', position } })
      await world.runToEnd(theJob)
      expect(await world.rows(theJob, 'counts')).toEqual(rows({ k0: 10 - to, k1: 10 - to }))
      expect(await completeFrom(theJob)).toMatchObject({ counts: position })
    }
    expect(await passedIn(0)).toEqual([5, 6, 7, 8, 9])
  })

  test('is rewound to the start of the topic only if its outputs may repeat, since some were never appended', async () => {
    await expect(rewind(options(), { to: { kind: 'start' } })).rejects.toMatchObject({ code: 'REWIND_REFUSED' })
    await rewind(options(), { to: { kind: 'start' }, repeatOutputs: true })
    await world.runToEnd(theJob)
    expect(await world.rows(theJob, 'counts')).toEqual(rows({ k0: 10, k1: 10 }))
    expect(await completeFrom(theJob)).toMatchObject({ counts: {} })
    expect(await passedIn(0)).toEqual([5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  })

  test('keeps its state when it is rewound with it, and counts from the earlier place', async () => {
    const position = { numbers: { 0: 2 } }
    await rewind(options(), { to: { kind: 'position', position }, keepState: true, repeatOutputs: true })
    await world.runToEnd(theJob)
    expect(await world.rows(theJob, 'counts')).toEqual(rows({ k0: 13, k1: 5 }))
    expect(await completeFrom(theJob)).toMatchObject({ counts: { numbers: { 0: 2, 1: 5 } } })
  })

  test('is set back to a savepoint, and does not read what was before its beginning', async () => {
    await takeSavepoint(options(), 'early')
    await produce(2)
    await world.runToEnd(theJob)
    await restoreSavepoint(options(), 'early')
    await world.runToEnd(theJob)
    expect(await world.rows(theJob, 'counts')).toEqual(rows({ k0: 7, k1: 7 }))
    expect(await completeFrom(theJob)).toMatchObject({ counts: { numbers: { 0: 5, 1: 5 } } })
    expect(await passedIn(0)).toEqual([5, 6, 7, 8, 9, 10, 11])
  })
})

test('a job whose topic is rescaled begins at the start of the topic, if its outputs may repeat', async () => {
  const theJob = countingFrom('latest')
  await produce(5)
  await world.runToEnd(theJob)
  await produce(5)
  await world.runToEnd(theJob)
  const options = { ...place(), data: world.directory }
  await expect(rescaleTopic(options, 'numbers', 3)).rejects.toMatchObject({ code: 'OUTPUTS_UNKNOWN' })
  await rescaleTopic(options, 'numbers', 3, { repeatOutputs: true })
  await world.runToEnd(theJob)
  expect(await world.rows(theJob, 'counts')).toEqual(rows({ k0: 10, k1: 10 }))
  expect(await completeFrom(theJob)).toMatchObject({ counts: {} })
})

const starts: fc.Arbitrary<Start> = fc.oneof(
  fc.constant('latest' as const),
  fc.integer({ min: 0, max: 60_000 }).map((time) => ({ time })),
  fc.record({ 0: fc.integer({ min: 0, max: 4 }), 1: fc.integer({ min: 0, max: 4 }) }).map((offsets) => ({ offsets })),
)

/** Where a start is in a partition that has the records 0 to `end`, a second apart. */
function offsetAt(start: Start, partition: 0 | 1, end: number): number {
  if (start === 'earliest') return 0
  if (start === 'latest') return end
  if ('offsets' in start) return start.offsets[partition] ?? 0
  return Math.min(end, Math.ceil(Number(start.time) / 1000))
}

test(
  'however often a job is cut off, it has everything from the place where it says that it began, and nothing before',
  async () => {
    await fc.assert(
      fc.asyncProperty(starts, cutRuns, async (start, runs) => {
        world = await JobWorld.open()
        for (const name of ['numbers', 'passed']) await world.topic(name, { partitions: PARTITIONS })
        produced = 0
        const theJob = countingFrom(start)
        const ends: number[] = []
        let mayRepeat = false
        for (const { point, countdown, loseState, commitIntervalMs } of runs) {
          await produce(5)
          ends.push(produced)
          const guarantee = guaranteeAt(point)
          mayRepeat ||= guarantee === 'at-least-once'
          const options = { log: cutLog(world.log, point, countdown), guarantee, commitIntervalMs }
          const outcome = await world.runToEnd(theJob, options).catch((error: unknown) => error)
          if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
          if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
        }
        await world.runToEnd(theJob)
        const from = (await completeFrom(theJob))['by-digit']?.['numbers'] ?? {}
        const begun = [from[0] ?? 0, from[1] ?? 0]
        // It was decided in one of the runs, for both partitions at the same time.
        expect(ends.map((end) => [offsetAt(start, 0, end), offsetAt(start, 1, end)])).toContainEqual(begun)
        const counted = begun.map((offset) => produced - offset)
        const expected = counted.flatMap((count, partition) => (count === 0 ? [] : [[`k${partition}`, count] as const]))
        expect(await world.rows(theJob, 'counts')).toEqual(new Map(expected))
        for (const [partition, offset] of begun.entries()) {
          const outputs = await passedIn(partition)
          const all = Array.from({ length: produced - offset }, (_, index) => offset + index)
          expect(mayRepeat ? [...new Set(outputs)].sort((a, b) => Number(a) - Number(b)) : outputs).toEqual(all)
        }
        await world.close()
      }),
      { numRuns: RUNS },
    )
    world = await JobWorld.open()
  },
  limitMs(RUNS),
)
