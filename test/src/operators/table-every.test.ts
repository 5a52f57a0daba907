import { int32, int64, type Job, job, json, type Serde, string, table, topic } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { guaranteeAt } from '../runtime/cut-log.ts'
import { JobWorld } from '../runtime/job-world.ts'
import { cutRuns, rowsOf, runCut } from './cut-runs.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(12))

const numbers = topic('numbers', { key: string(), value: int32() })
const passed = topic('passed', { key: string(), value: json<number>() })
const sumsPassed = topic('sums-passed', { key: string(), value: json<number>() })

/** Later than everything else. */
const END_MS = 10_000

/**
 * A table that changes now and then, the sums of its rows by a remainder, which are right only if old values are, and these
 * sums now and then, behind a repartition topic.
 */
function everyJob(every: number): Job {
  const calm = table(numbers, 'rows').every('calm', every)
  const sums = calm
    .groupBy((value) => `${value % 3}`, string())
    .aggregate('sums', {
      init: () => 0,
      add: (total, value) => total + value,
      subtract: (total, value) => total - value,
      value: int64(),
    })
  const calmSums = sums.every('calm-sums', every)
  return job('every', calm, sums, calmSums, calm.changes().to(passed), calmSums.changes().to(sumsPassed))
}

interface Sent {
  readonly key: string
  readonly value: number | null
  readonly timestamp: number
  readonly partition: number
}

/** What a table passes on, by a plain loop over the records of one partition: a row at most once for each multiple of the time. */
function expectedChanges(records: readonly Sent[], every: number): string[] {
  const passedOn: string[] = []
  const rows = new Map<string, number>()
  const shown = new Map<string, number>()
  const due = new Map<string, number>()
  let watermark = Number.NEGATIVE_INFINITY
  for (const { key, value, timestamp } of records) {
    watermark = Math.max(watermark, timestamp)
    for (const [waiting, at] of [...due].sort(([a, first], [b, second]) => first - second || (a < b ? -1 : 1))) {
      if (at > watermark) continue
      due.delete(waiting)
      const row = rows.get(waiting)
      if (row === shown.get(waiting)) continue
      passedOn.push(`${waiting}: ${row ?? null} @${at - 1}`)
      if (row === undefined) shown.delete(waiting)
      else shown.set(waiting, row)
    }
    if (value === null && !rows.has(key)) continue
    if (value === null) rows.delete(key)
    else rows.set(key, value)
    if (!due.has(key)) due.set(key, (Math.floor(Math.max(watermark, timestamp) / every) + 1) * every)
  }
  return passedOn
}

/** The sums of rows by their remainders. */
function sumsOf(rows: ReadonlyMap<string, number>): Map<string, number> {
  const sums = new Map<string, number>()
  for (const value of rows.values()) sums.set(`${value % 3}`, value + (sums.get(`${value % 3}`) ?? 0))
  return sums
}

interface Change {
  readonly key: string
  readonly value: number | null
  readonly at: number
}

function changeText({ key, value, at }: Change): string {
  return `${key}: ${value} @${at}`
}

/** The records of all partitions of a topic; those of each key in their order. */
async function changesIn(world: JobWorld, name: string, serde: Serde<number>, partitions = 1): Promise<Change[]> {
  const changes: Change[] = []
  for (let partition = 0; partition < partitions; partition++) {
    const records = await world.read(name, serde, partition)
    changes.push(...records.map(([key, value, at]) => ({ key: `${key}`, value, at })))
  }
  return changes
}

const input = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  every: fc.constantFrom(1, 10, 35, 400),
  records: fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 6 }),
      value: fc.option(fc.integer({ min: 0, max: 4 }), { freq: 4 }),
      step: fc.integer({ min: -12, max: 18 }),
    }),
    { minLength: 10, maxLength: 250, size: 'max' },
  ),
  runs: cutRuns,
})

test(
  'a table that changes now and then passes on what a plain loop does, however its rows change and wherever the job is cut off',
  async () => {
    await fc.assert(
      fc.asyncProperty(input, async ({ partitions, every, records, runs }) => {
        const world = await JobWorld.open()
        for (const name of ['numbers', 'passed', 'sums-passed']) await world.topic(name, { partitions })
        let now = 1000
        const sent = records.map(({ key, value, step }): Sent => {
          now = Math.max(0, now + step)
          return { key: `k${key}`, value, timestamp: now, partition: key % partitions }
        })
        // Time passes all of them in each partition; what comes last then waits.
        const all = [0, 1].flatMap((last) =>
          Array.from({ length: partitions }, (_, partition): Sent => {
            return { key: `end${partition}`, value: last, timestamp: END_MS + last * 1000, partition }
          }),
        )
        const written = [...sent, ...all]
        const theJob = everyJob(every)
        await runCut(world, theJob, runs, written.length, (from, to) =>
          world.produce('numbers', numbers.value, written.slice(from, to)),
        )
        const expected = Array.from({ length: partitions }, (_, partition) =>
          expectedChanges(
            written.filter((record) => record.partition === partition),
            every,
          ),
        ).flat()
        const found = await changesIn(world, 'passed', passed.value, partitions)
        // At-least-once may append outputs again.
        const exactlyOnce = runs.every(({ point }) => guaranteeAt(point) === 'exactly-once')
        const once = (list: readonly string[]) => (exactlyOnce ? [...list] : [...new Set(list)])
        expect(once(found.map(changeText)).sort()).toEqual(once(expected).sort())
        for (const [key, own] of Map.groupBy(found, (change) => change.key)) {
          const inOrder = expected.filter((text) => text.startsWith(`${key}: `))
          if (exactlyOnce) expect(own.map(changeText)).toEqual(inOrder)
        }
        const shown = rowsOf(found)
        const views = await world.allRows(theJob)
        expect(views.get('calm')).toEqual(shown)
        const sums = new Map([...(views.get('sums') ?? [])].filter(([, sum]) => sum !== 0))
        expect(sums).toEqual(new Map([...sumsOf(shown)].filter(([, sum]) => sum !== 0)))
        // Behind the repartition topic, too, the changes of the table give the table.
        const foundSums = await changesIn(world, 'sums-passed', sumsPassed.value, partitions)
        expect(views.get('calm-sums')).toEqual(rowsOf(foundSums))
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS, 8000),
)

test('what waits is passed on at the end of a run that closes windows, and else by a later run', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const name of ['numbers', 'passed', 'sums-passed']) await world.topic(name)
  const theJob = everyJob(10)
  const values = async () => (await changesIn(world, 'passed', passed.value)).map(({ value, at }) => [value, at])
  await world.produce('numbers', numbers.value, [{ key: 'a', value: 1, timestamp: 1005 }])
  await world.runToEnd(theJob)
  expect(await values()).toEqual([])
  await world.produce('numbers', numbers.value, [{ key: 'a', value: 2, timestamp: 1006 }])
  await world.runToEnd(theJob, { closeWindows: true })
  expect(await values()).toEqual([[2, 1009]])
  expect(await world.rows(theJob, 'calm-sums')).toEqual(new Map([['2', 2]]))
})

test('a table that changes now and then is not continued with another time', async () => {
  const driver = await openTestDriver(everyJob(10))
  onTestFinished(() => driver.close())
  await driver.send(numbers, { key: 'a', value: 1, timestamp: 1005 })
  await driver.stop()
  await expect(driver.start(everyJob(20))).rejects.toMatchObject({
    code: 'STORE_CHANGED',
    message: expect.stringContaining('emit every 10ms, now every 20ms'),
  })
})

test('a table that changes at other times passes on each row, once it was accepted that it begins empty', async () => {
  const world = await JobWorld.open()
  onTestFinished(() => world.close())
  for (const name of ['numbers', 'passed']) await world.topic(name)
  const every = (ms: number) => {
    const calm = table(numbers, 'rows').every('calm', ms)
    return job('every', calm, calm.changes().to(passed))
  }
  await world.produce('numbers', numbers.value, [
    { key: 'a', value: 1, timestamp: 100 },
    { key: 'end', value: 1, timestamp: 1100 },
  ])
  await world.runToEnd(every(1000))
  // It is due before the time up to which the table had passed on everything, with the former time.
  await world.produce('numbers', numbers.value, [
    { key: 'b', value: 2, timestamp: 1105 },
    { key: 'end', value: 1, timestamp: 5000 },
  ])
  await world.runToEnd(every(10), { acceptLoss: ['calm', 'calm.pending'] })
  expect((await changesIn(world, 'passed', passed.value)).map(changeText)).toEqual(['a: 1 @999', 'b: 2 @1109'])
})
