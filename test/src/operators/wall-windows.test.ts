import { rmSync } from 'node:fs'
import {
  int32,
  type Job,
  job,
  json,
  type Log,
  readTopic,
  stream,
  string,
  type Topic,
  topic,
  tumbling,
  type Windowed,
  windowed,
} from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { Cut, cutLog } from '../runtime/cut-log.ts'
import { JobWorld } from '../runtime/job-world.ts'

/** The number of random jobs. MILLRACE_RANDOM_WINDOWS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_WINDOWS'] ?? trials(9))

const SIZE_MS = 1000
const HOUR_MS = 3_600_000

const numbers = topic('numbers', { key: string(), value: int32() })
const changed = topic('changed', { key: windowed(string()), value: json<number>() })
const closed = topic('closed', { key: windowed(string()), value: json<number>() })

/** Counts by windows of the wall clock: every change and the finals; and the sums of the finals by three windows, in their time. */
function wallJob(size: number, moved: boolean): Job {
  const grouped = moved ? stream(numbers).groupBy((_, key) => key, string()) : stream(numbers).groupByKey()
  const windows = tumbling(size, { clock: 'wall' })
  const rows = grouped.window(windows).count('rows')
  const finals = grouped.window(windows).count('finals', { emit: 'final' })
  const sums = finals
    .changes()
    .groupBy((_, { key }) => key, string())
    .window(tumbling(size * 3))
    .reduce('sums', (a, b) => a + b)
  return job('wall', rows, finals, sums, rows.changes().to(changed), finals.changes().to(closed))
}

function startOf(time: number, size: number): number {
  return time - (time % size)
}

/** The counts of records, which have a key and a time, by windows: `key start` → count. */
function counted(records: readonly (readonly [key: string, time: number, count: number])[], size: number) {
  const counts = new Map<string, number>()
  for (const [key, time, count] of records) {
    const row = `${key} ${startOf(time, size)}`
    counts.set(row, (counts.get(row) ?? 0) + count)
  }
  return counts
}

type Row = readonly [row: string, value: number | null, time: number]

/** What a topic of windows holds, in the order of its records. */
async function rowsIn(log: Log, from: Topic<Windowed<string>, number>): Promise<Row[]> {
  const rows: Row[] = []
  for await (const { key, value, timestamp } of readTopic(log, from, { untilEnd: true }))
    rows.push([`${key.key} ${key.window.start}`, value, timestamp])
  return rows
}

const actions = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ key: fc.constantFrom('a', 'b', 'c'), timestamp: fc.nat(10 * SIZE_MS) }) },
    { weight: 4, arbitrary: fc.record({ ms: fc.oneof(fc.nat(300), fc.nat(3 * SIZE_MS)) }) },
    { weight: 1, arbitrary: fc.record({ loseState: fc.boolean() }) },
  ),
  { minLength: 5, maxLength: 60, size: 'max' },
)

const plan = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  moved: fc.boolean(),
  crashes: fc.boolean(),
  actions,
})

test(
  'windows of the wall clock have the records that came in their time, and close then, with crashes at every commit',
  async () => {
    await fc.assert(
      fc.asyncProperty(plan, async ({ partitions, moved, crashes, actions: all }) => {
        const driver = await openTestDriver(wallJob(SIZE_MS, moved), { partitions, crashAtEveryCommit: crashes })
        const came: [string, number, number][] = []
        for (const action of all) {
          if ('key' in action) {
            came.push([action.key, driver.nowMs, 1])
            await driver.send(numbers, { ...action, value: 1 })
          } else if ('ms' in action) await driver.advance(action.ms)
          else {
            await driver.stop()
            if (action.loseState) driver.loseState()
            await driver.start()
          }
          // What is closed so far has come out, and nothing else.
          const isClosed = ([row]: readonly [string, number]) => Number(row.split(' ')[1]) + SIZE_MS <= driver.nowMs
          const expected = [...counted(came, SIZE_MS)].filter(isClosed)
          const finals = await rowsIn(driver.log, closed)
          expect(finals.map(([row, value]) => [row, value]).sort()).toEqual(expected.sort())
          for (const [row, , time] of finals) expect(time).toBe(Number(row.split(' ')[1]) + SIZE_MS - 1)
        }
        const changes = await rowsIn(driver.log, changed)
        expect(new Map(changes.map(([row, value]) => [row, value]))).toEqual(counted(came, SIZE_MS))
        expect(changes).toHaveLength(came.length)
        expect(driver.status?.tasks.every(({ counts }) => counts.late === 0)).toBe(true)
        await driver.close()
      }),
      { numRuns: RUNS * 3 },
    )
  },
  limitMs(RUNS, 12_000),
)

const history = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  moved: fc.boolean(),
  keys: fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { minLength: 20, maxLength: 200, size: 'max' }),
  runs: fc.array(
    fc.record({
      point: fc.constantFrom('before commit' as const, 'after commit' as const),
      countdown: fc.integer({ min: 1, max: 6 }),
      loseState: fc.boolean(),
      hours: fc.integer({ min: 0, max: 2 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
})

test(
  'each record is in one window of the wall clock, also if a crash takes it back and the clock moves on before it comes again',
  async () => {
    await fc.assert(
      fc.asyncProperty(history, async ({ partitions, moved, keys, runs }) => {
        const world = await JobWorld.open()
        for (const name of ['numbers', 'changed', 'closed']) await world.topic(name, { partitions })
        const theJob = wallJob(HOUR_MS, moved)
        let produced = 0
        for (const [index, { point, countdown, loseState, hours }] of runs.entries()) {
          const to = Math.round((keys.length * (index + 1)) / runs.length)
          const records = keys.slice(produced, to).map((key) => {
            return { key, value: 1, timestamp: 1000, partition: (key.codePointAt(0) ?? 0) % partitions }
          })
          await world.produce('numbers', numbers.value, records)
          produced = to
          const options = { log: cutLog(world.log, point, countdown), commitIntervalMs: 1 }
          const outcome = await world.runToEnd(theJob, options).catch((error: unknown) => error)
          if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
          if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
          world.passHours(hours)
        }
        await world.runToEnd(theJob)
        // The last windows close too.
        world.passHours(2)
        await world.runToEnd(theJob)
        const views = await world.allRows(theJob)
        const rows = new Map([...(views.get('rows') ?? [])].map(([row, count]) => [row, Number(count)]))
        const perKey = new Map<string, number>()
        for (const [row, count] of rows) {
          const key = row.split(' ')[0] ?? ''
          perKey.set(key, (perKey.get(key) ?? 0) + count)
        }
        const sent = Map.groupBy(keys, (key) => key)
        expect(perKey).toEqual(new Map([...sent].map(([key, all]) => [key, all.length])))
        // Outputs and state are of one mind about every record.
        expect(views.get('finals')).toEqual(rows)
        const finals = await rowsIn(world.log, closed)
        expect(finals.map(([row, value]) => [row, value]).sort()).toEqual([...rows].sort())
        const changes = await rowsIn(world.log, changed)
        expect(new Map(changes.map(([row, value]) => [row, value]))).toEqual(rows)
        expect(changes).toHaveLength(keys.length)
        // No final is late for the windows behind.
        const inThrees = [...rows].map(([row, count]): [string, number, number] => {
          const [key = '', start] = row.split(' ')
          return [key, Number(start), count]
        })
        expect(views.get('sums')).toEqual(counted(inThrees, HOUR_MS * 3))
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS, 8000),
)

test('a run to the end leaves the windows of the wall clock open, and a later one closes them when their time is over', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const name of ['numbers', 'changed', 'closed']) await world.topic(name)
  // So long that none ends during the test.
  const hours = 2400
  const theJob = wallJob(hours * HOUR_MS, false)
  await world.produce('numbers', numbers.value, [{ key: 'a', value: 1, timestamp: 1000 }])
  await world.runToEnd(theJob)
  await world.runToEnd(theJob, { closeWindows: true })
  expect(await rowsIn(world.log, closed)).toEqual([])
  world.passHours(hours)
  await world.runToEnd(theJob)
  expect(await rowsIn(world.log, closed)).toHaveLength(1)
})

test('a run that closes windows leaves those open that wait for windows of the wall clock, behind a repartition topic too', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const name of ['numbers', 'closed']) await world.topic(name)
  const finals = stream(numbers)
    .groupByKey()
    .window(tumbling(HOUR_MS, { clock: 'wall' }))
    .count('finals', { emit: 'final' })
  const sums = finals
    .changes()
    .groupBy(() => 'all', string())
    .window(tumbling(2400 * HOUR_MS))
    .reduce('sums', (a, b) => a + b, { emit: 'final' })
  const theJob = job('j', sums, sums.changes().to(closed))
  const send = () => world.produce('numbers', numbers.value, [{ key: 'a', value: 1, timestamp: 1000 }])
  for (let hour = 0; hour < 2; hour++) {
    await send()
    await world.runToEnd(theJob, { closeWindows: true })
    world.passHours(1)
  }
  await world.runToEnd(theJob, { closeWindows: true })
  expect(await rowsIn(world.log, closed)).toEqual([])
  expect([...(await world.rows(theJob, 'sums')).values()].reduce<number>((a, b) => a + Number(b), 0)).toBe(2)
})

test('windows behind those of the wall clock close with them, also when all inputs have become idle in between', async () => {
  const minutes = stream(numbers)
    .groupByKey()
    .window(tumbling('1m', { clock: 'wall' }))
    .count('minutes', { emit: 'final' })
  const all = minutes
    .changes()
    .groupBy(() => 'all', string())
    .window(tumbling('1m'))
    .reduce('all', (a, b) => a + b, { emit: 'final' })
  const driver = await openTestDriver(job('j', all.changes().to(closed)), { partitions: 2, startMs: 600_000 })
  onTestFinished(() => driver.close())
  for (const [at, key] of [...'abcdefgh'].entries())
    await driver.send(numbers, { key, value: 1, timestamp: at, partition: at % 2 })
  // An input is idle after 30 s.
  await driver.advance('45s')
  await driver.advance('14s')
  expect(await driver.read(closed)).toEqual([])
  await driver.advance('1s')
  expect(await driver.read(closed)).toMatchObject([
    { key: { window: { start: 600_000 } }, value: 8, timestamp: 659_999 },
  ])
})

test('windows of event time are not continued as windows of the wall clock', async () => {
  const windows = (clock: 'event' | 'wall') =>
    job('j', stream(numbers).groupByKey().window(tumbling(SIZE_MS, { clock })).count('rows'))
  const driver = await openTestDriver(windows('event'))
  onTestFinished(() => driver.close())
  await driver.send(numbers, { key: 'a', value: 1, timestamp: 1005 })
  await driver.stop()
  await expect(driver.start(windows('wall'))).rejects.toMatchObject({
    code: 'STORE_CHANGED',
    message: expect.stringContaining('event times by record, now wall clock'),
  })
})

test('windows of event time, and steps behind them, begin again where those of the wall clock were, once that is accepted', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const name of ['numbers', 'closed']) await world.topic(name)
  const theJob = (clock: 'event' | 'wall') => {
    const windows = tumbling(SIZE_MS, { clock })
    const finals = stream(numbers).groupByKey().window(windows).count('finals', { emit: 'final' })
    const calm = finals.every('calm', SIZE_MS)
    return job('j', calm, calm.changes().to(closed))
  }
  await world.produce('numbers', numbers.value, [{ key: 'a', value: 1, timestamp: 1000 }])
  await world.runToEnd(theJob('wall'))
  world.passHours(1)
  await world.runToEnd(theJob('wall'))
  await world.produce('numbers', numbers.value, [
    { key: 'b', value: 1, timestamp: 2000 },
    { key: 'b', value: 1, timestamp: 3000 },
    { key: 'b', value: 1, timestamp: 9000 },
  ])
  await expect(world.runToEnd(theJob('event'), { acceptLoss: ['finals'] })).rejects.toMatchObject({
    code: 'STORE_CHANGED',
    message: expect.stringContaining('calm'),
  })
  await world.runToEnd(theJob('event'), { acceptLoss: ['finals', 'calm', 'calm.pending'] })
  const rows = (await rowsIn(world.log, closed)).filter(([row]) => row.startsWith('b'))
  expect(rows.map(([row]) => row)).toEqual(['b 2000', 'b 3000'])
})
