import {
  deadLetter,
  hopping,
  type Job,
  job,
  json,
  type Output,
  type Stream,
  stream,
  string,
  type Table,
  type TaskCounts,
  topic,
  tumbling,
  windowed,
} from '@millrace/core'
import { readDeadLetter } from '@millrace/core/internal'
import fc from 'fast-check'
import { mergeMap, scan } from 'rxjs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<unknown>() })

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
  await world.topic('numbers')
  await world.topic('out', { partitions: 2 })
})

afterEach(() => world.close())

const isBad = (value: number) => value < 0

function refuseBad(value: number): number {
  if (isBad(value)) throw new Error(`${value} is bad`)
  return value
}

/** The outputs and tables of a branch of the job under test, each with its own topic or name. */
type Branch = (source: Stream<string, number>, name: string) => readonly (Output | Table<unknown, unknown>)[]

/** Steps that a record goes through in the same task as the one that fails. */
const BRANCHES: Readonly<Record<string, Branch>> = {
  count: (source, name) => [source.groupByKey().count(name)],
  hopping: (source, name) => [
    source
      .groupByKey()
      .window(hopping('4s', { advance: '1s' }))
      .count(name),
  ],
  finals: (source, name) => {
    const sums = source
      .groupByKey()
      .window(tumbling('2s'))
      .reduce(name, (a, b) => a + b, { emit: 'final' })
    return [sums, sums.changes().to(topic('finals', { key: windowed(string()), value: json<number>() }))]
  },
  table: (source, name) => [source.toTable(name)],
  derived: (source, name) => [source.toTable(name).mapValues((value) => value * 2, { name: `${name}-doubled` })],
  siblings: (source, name) => [
    source
      .flatMapValues((value) => [value, value + 1])
      .groupByKey()
      .aggregate(name, { init: () => [] as number[], add: (all, value) => [...all, value] }),
  ],
  sink: (source) => [source.to(out)],
  repartition: (source, name) => [source.groupBy((value) => `g${value % 2}`, string()).count(name)],
  chosen: (source) => [source.to((value) => (value % 2 === 0 ? 'even' : 'odd'))],
}

/** The topics to which the branches write. */
const OUTPUTS = [
  ['out', 0],
  ['out', 1],
  ['even', 0],
  ['odd', 0],
  ['finals', 0],
  ['tiny', 0],
] as const

/** Steps that fail for bad records, each in its own way. */
const FAILURES: Readonly<Record<string, Branch>> = {
  callback: (source) => [
    source
      .mapValues(refuseBad)
      .filter(() => false)
      .to(out),
  ],
  value: (source) => [
    source
      .filter(isBad)
      .mapValues(() => 1n)
      .to(out),
  ],
  size: (source) => [
    source
      .filter(isBad)
      .mapValues(() => 'x'.repeat(100))
      .to(topic('tiny', { key: string(), value: json<string>() })),
  ],
  sibling: (source, name) => [
    source
      .flatMapValues((value) => (isBad(value) ? [1, 2, value] : []))
      .mapValues(refuseBad)
      .groupByKey()
      .count(name),
  ],
  add: (source, name) => [
    source
      .filter(isBad)
      .groupByKey()
      .aggregate(name, { init: () => 0, add: (_, value) => refuseBad(value) }),
  ],
  window: (source, name) => [
    source
      .filter(isBad)
      .groupByKey()
      .window(hopping('4s', { advance: '1s' }))
      .aggregate(name, {
        init: () => 0,
        add: (total, value, _key, { timestamp }) =>
          timestamp % 2000 === 0 ? refuseBad(value) : refuseBad(value) + total,
      }),
  ],
  opened: (source) => [
    source
      .filter(isBad)
      .mapValues(() => 'x'.repeat(100))
      .to(() => 'tiny'),
  ],
}

describe('a record that fails has no effect', () => {
  test('whichever branch of the job comes first', async () => {
    await produce(world, 1, -1, 2, -2, 3, -3)
    for (const order of ['count first', 'failure first'] as const) {
      const source = stream(numbers)
      const count = source.groupBy(() => 'all', string()).count('count')
      const own = source.groupByKey().count('own')
      const bad = source.mapValues(refuseBad).to(out)
      const outputs = order === 'count first' ? [count, own, bad] : [bad, own, count]
      const theJob = job(order.replace(' ', '-'), ...outputs).onError({ callback: 'skip' })
      await world.runToEnd(theJob)
      expect(await world.rows(theJob, 'count'), order).toEqual(new Map([['all', 3]]))
      const sum = [...(await world.rows(theJob, 'own')).values()].reduce((a, b) => Number(a) + Number(b), 0)
      expect(sum, order).toBe(3)
    }
  })

  test('in any branches, in any order, whatever way it fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.shuffledSubarray(Object.keys(BRANCHES), { minLength: 1 }),
        fc.constantFrom(...Object.keys(FAILURES)),
        fc.nat(9),
        fc.array(fc.integer({ min: -2, max: 9 }), { minLength: 1, maxLength: 12 }),
        fc.boolean(),
        async (names, failure, place, values, deadLettered) => {
          const results = (clean: boolean) => {
            const all = stream(numbers)
            const source = clean ? all.filter((value) => !isBad(value)) : all
            const outputs = names.map((name) => BRANCHES[name]?.(source, name) ?? [])
            outputs.splice(place % (names.length + 1), 0, FAILURES[failure]?.(source, 'failing') ?? [])
            const theJob = job('branches', ...(outputs.flat() as Output[]))
            return resultsOf(theJob.onError({ callback: deadLettered ? deadLetter('dead') : 'skip' }), values)
          }
          const bad = values.filter(isBad)
          const clean = await results(true)
          const failing = await results(false)
          expect(failing.views).toEqual(clean.views)
          expect(failing.outputs).toEqual(clean.outputs)
          expect(failing.counts).toEqual({ emitted: clean.counts.emitted, late: 0, failed: bad.length })
          expect(failing.dead).toEqual(deadLettered ? bad : [])
        },
      ),
      { numRuns: Number(process.env['MILLRACE_RANDOM_JOBS'] ?? 10) },
    )
  }, 240_000)
})

describe('a unit', () => {
  test('that fails leaves a total as it was, also one that its callback changed in place', async () => {
    await produce(world, 1, 1, 1, -1, 2, 2, 2, -1)
    const changed = stream(numbers)
      .groupByKey()
      .aggregate('changed', {
        init: () => ({ count: 0 }),
        add: (total, value) => {
          total.count += 1
          refuseBad(value)
          return total
        },
      })
    const later = stream(numbers)
      .groupByKey()
      .aggregate('later', {
        init: () => ({ count: 0 }),
        add: (total) => {
          total.count += 1
          return total
        },
      })
    const theJob = job('in-place', changed, later).onError({ callback: 'skip' })
    await world.runToEnd(theJob)
    const expected = new Map([
      ['k0', { count: 2 }],
      ['k1', { count: 2 }],
      ['k2', { count: 2 }],
    ])
    expect(await world.rows(theJob, 'changed')).toEqual(expected)
    expect(await world.rows(theJob, 'later')).toEqual(expected)
  })

  test('is each result that a window emits: one that fails leaves out only itself', async () => {
    await world.topic('dead')
    await produce(world, 1, 2, 3, 4)
    const sums = stream(numbers)
      .groupByKey()
      .window(tumbling('3s'))
      .reduce('sums', (a, b) => a + b, { emit: 'final' })
    const bad = sums
      .changes()
      .flatMap((value, { key }) => [[key, value]] as const, { key: string() })
      .mapValues((value) => (value === 2 ? refuseBad(-value) : value))
    const all = sums.changes().map((value, { key }) => [key, value] as const, { key: string() })
    for (const callback of ['fail', 'skip', deadLetter('dead')] as const) {
      const name = typeof callback === 'string' ? callback : 'buried'
      await world.topic(name)
      const to = topic(name, { key: string(), value: json<number>() })
      const theJob = job(`results-${name}`, all.to(to), bad.to(to)).onError({ callback })
      if (callback === 'fail') {
        const message = /bad.*result of reduce "sums" for key .*"k1"/
        await expect(world.runToEnd(theJob)).rejects.toThrow(message)
        expect(await world.read('fail', numbers.value)).toEqual([])
        continue
      }
      expect(await countsOf(world, theJob)).toEqual({ emitted: 4, late: 0, failed: 1 })
      const records = (await world.read(name, numbers.value)).map(([key, value]) => [key, value])
      expect(records.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))).toEqual([
        ['k0', 1],
        ['k0', 1],
        ['k2', 3],
        ['k2', 3],
      ])
    }
    const [letter] = await lettersIn('dead')
    expect(letter).toMatchObject({ key: { key: 'k1', window: { start: 0, end: 3000 } }, value: 2, timestamp: 2999 })
    expect(letter?.letter).toEqual({
      error: 'CALLBACK_FAILED',
      message: 'The callback of mapValues threw: -2 is bad',
      cause: 'Error: -2 is bad',
      job: 'results-buried',
      step: 'mapValues',
      result: { of: 'reduce "sums"', key: '"k1"', window: '{"start":0,"end":3000}' },
      headers: [],
    })
  })

  test('that waits for a topic which it chose has each of its effects once', async () => {
    for (const name of ['even', 'odd']) await world.topic(name)
    await produce(world, 1, 2, 3, 4)
    const scanned = stream(numbers).pipe(
      mergeMap((value) => [value, value]),
      scan((sum, value) => sum + value, 0),
    )
    const counted = stream(numbers).groupByKey().count('counted')
    const sums = stream(numbers)
      .groupByKey()
      .window(tumbling('1s'))
      .reduce('sums', (a, b) => a + b, { emit: 'final' })
    const named = sums.changes().map((value, { key }) => [key, value] as const, { key: string() })
    const theJob = job(
      'opening',
      counted,
      stream(numbers).to(out),
      scanned.to((value) => (value % 2 === 0 ? 'even' : 'odd')),
      named.to((value) => (value % 2 === 0 ? 'even' : 'odd')),
    )
    await world.runToEnd(theJob)
    const counts = new Map([
      ['k0', 2],
      ['k1', 1],
      ['k2', 1],
    ])
    expect(await world.rows(theJob, 'counted')).toEqual(counts)
    expect([...(await world.read('out', out.value, 0)), ...(await world.read('out', out.value, 1))]).toHaveLength(4)
    const values = async (name: string) => (await world.read(name, numbers.value)).map(([, value]) => value)
    // The finals of one second come before the record of the next, whose sums are 1 2, 4 6, 9 12 and 16 20.
    expect(await values('even')).toEqual([2, 4, 6, 2, 12, 16, 20])
    expect(await values('odd')).toEqual([1, 1, 9, 3])
  })

  test('that waits among the results of one window leaves none of them out', async () => {
    for (const name of ['even', 'odd']) await world.topic(name)
    const values = [1, 2, 3, 4, 5, 6]
    const records = values.map((value) => ({ key: `k${value}`, value, timestamp: 5 }))
    await world.produce('numbers', numbers.value, [...records, { key: 'end', value: 0, timestamp: 60_000 }])
    const finals = stream(numbers)
      .groupByKey()
      .window(tumbling('1s'))
      .reduce('sums', (a, b) => a + b, { emit: 'final' })
      .changes()
      .map((value, { key }) => [key, value] as const, { key: string() })
    const counted = finals.groupByKey().count('counted')
    const theJob = job(
      'one-window',
      counted,
      finals.to((value) => (value % 2 === 0 ? 'even' : 'odd')),
    )
    await world.runToEnd(theJob)
    const sorted = async (name: string) => (await world.read(name, numbers.value)).map(([, value]) => value).sort()
    expect(await sorted('even')).toEqual([2, 4, 6])
    expect(await sorted('odd')).toEqual([1, 3, 5])
    const counts = values.map((value) => [`k${value}`, 1] as const)
    expect(new Map([...(await world.rows(theJob, 'counted'))].sort())).toEqual(new Map(counts))
  })

  test('whose topic is missing is processed once the topic exists', async () => {
    await produce(world, 1, 2)
    const theJob = job(
      'nowhere',
      stream(numbers).to(() => 'nowhere'),
    )
    await expect(world.runToEnd(theJob)).rejects.toMatchObject({ code: 'TOPIC_MISSING' })
    await world.topic('nowhere')
    await world.runToEnd(theJob)
    expect((await world.read('nowhere', numbers.value)).map(([, value]) => value)).toEqual([1, 2])
  })
})

/** The dead letters of results, decoded. */
async function lettersIn(name: string) {
  const reader = world.log.openReader()
  const letters = []
  const key = windowed(string())
  const from = await reader.assign(name, 0, 0)
  for (let batch = from.poll(); batch !== undefined; batch = from.poll()) {
    while (batch.next()) {
      letters.push({
        key: key.decode(batch.bytes, batch.keyStart, batch.keyEnd),
        value: numbers.value.decode(batch.bytes, batch.valueStart, batch.valueEnd),
        timestamp: batch.timestamp,
        letter: readDeadLetter(batch.headers()),
      })
    }
  }
  await reader.close()
  return letters
}

/** The results of a job for some records, in its own data directory. */
async function resultsOf(theJob: Job, values: readonly number[]) {
  const own = await JobWorld.open()
  try {
    for (const name of ['numbers', 'even', 'odd', 'finals', 'dead']) await own.topic(name)
    await own.topic('out', { partitions: 2 })
    await own.topic('tiny', { recordBytesMax: 60 })
    await produce(own, ...values)
    const { emitted, late, failed } = await countsOf(own, theJob)
    const outputs = []
    for (const [name, partition] of OUTPUTS) outputs.push(await own.read(name, out.value, partition))
    const views: Record<string, unknown> = {}
    for (const node of theJob.outputs) {
      for (const { name } of node.stores) views[name] = await own.rows(theJob, name)
    }
    const dead = (await own.read('dead', numbers.value)).map(([, value]) => value)
    return { counts: { emitted, late, failed }, outputs, views, dead }
  } finally {
    await own.close()
  }
}

/** Records with the given values, one a second, under the keys `k0` to `k2`. */
function produce(to: JobWorld, ...values: readonly number[]): Promise<void> {
  const records = values.map((value, index) => ({ key: `k${index % 3}`, value, timestamp: 1000 * index }))
  return to.produce('numbers', numbers.value, records)
}

/** Runs a job to its end, and returns the sums of the counts of all its tasks. */
async function countsOf(on: JobWorld, theJob: Job): Promise<Pick<TaskCounts, 'emitted' | 'late' | 'failed'>> {
  const container = await on.start(theJob, { untilEnd: true })
  let tasks: readonly TaskCounts[] = []
  container.status.subscribe((status) => {
    if (status.tasks.length > 0) tasks = status.tasks.map(({ counts }) => counts)
  })
  await container.done
  const sum = (name: 'emitted' | 'late' | 'failed') => tasks.reduce((total, counts) => total + counts[name], 0)
  return { emitted: sum('emitted'), late: sum('late'), failed: sum('failed') }
}
