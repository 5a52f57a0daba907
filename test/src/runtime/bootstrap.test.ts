import { rmSync } from 'node:fs'
import { type Job, job, json, stream, string, table, topic, tumbling, windowed } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { cutRuns } from '../operators/cut-runs.ts'
import { Cut, cutLog, guaranteeAt } from './cut-log.ts'
import { JobWorld, type TestRecord } from './job-world.ts'

const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(12))
const PARTITIONS = 2

const orders = topic('orders', { key: string(), value: json<number>() })
const cities = topic('cities', { key: string(), value: json<string>() })
const placed = topic('placed', { key: string(), value: json<{ id: number; city: string | null }>() })
const finals = topic('finals', { key: windowed(string()), value: json<number>() })

/** `spread`: the orders come through a repartition topic. */
function placeJob(bootstrap: boolean, spread = false): Job {
  const read = spread ? stream(orders).keyBy((_, key) => key, string()) : stream(orders)
  const joined = read.leftJoin('place', table(cities, 'cities', { bootstrap }), (id, city) => ({ id, city }))
  return job('shop', joined.to(placed))
}

/** Keys of two partitions, by the partition. */
const WHO = [
  ['ann', 'bob'],
  ['cem', 'dan'],
] as const

/** Rows are later than all orders. */
const cityOf = (who: string, partition: number, value: string | null): TestRecord<string> => ({
  key: who,
  value,
  timestamp: 1_000_000,
  partition,
})

test(
  'a task reads a table that it bootstraps to its end before anything else, however often it is cut off',
  async () => {
    const plan = fc.record({
      runs: cutRuns,
      spread: fc.boolean(),
      changes: fc.array(
        fc.array(fc.record({ at: fc.tuple(fc.nat(1), fc.nat(1)), present: fc.boolean() }), { maxLength: 5 }),
        {
          minLength: 5,
          maxLength: 5,
        },
      ),
    })
    await fc.assert(
      fc.asyncProperty(plan, async ({ runs, spread, changes }) => {
        const world = await JobWorld.open()
        // Keys that are sent through a repartition topic are in the partition of their hash.
        const partitions = spread ? 1 : PARTITIONS
        for (const name of ['orders', 'cities']) await world.topic(name, { partitions })
        await world.topic('placed')
        const theJob = placeJob(true, spread)
        const rows: Map<string, string>[] = []
        const since: { readonly who: string; readonly run: number }[] = []
        const begin = async (run: number) => {
          const now = new Map(rows.at(-1))
          for (const [each, partition] of WHO.flatMap((names, number) =>
            names.map((who) => [who, number % partitions] as const),
          )) {
            await world.produce('orders', orders.value, [
              { key: each, value: since.length, timestamp: since.length, partition },
            ])
            since.push({ who: each, run })
          }
          for (const { at, present } of changes[run] ?? []) {
            const who = WHO[at[0] === 0 ? 0 : 1][at[1] === 0 ? 0 : 1]
            if (present) now.set(who, `${who} ${run}`)
            else now.delete(who)
            await world.produce('cities', cities.value, [
              cityOf(who, at[0] % partitions, present ? `${who} ${run}` : null),
            ])
          }
          rows.push(now)
        }
        for (const [run, { point, countdown, loseState, commitIntervalMs }] of runs.entries()) {
          await begin(run)
          const options = { log: cutLog(world.log, point, countdown), guarantee: guaranteeAt(point), commitIntervalMs }
          const outcome = await world.runToEnd(theJob, options).catch((error: unknown) => error)
          if (outcome !== undefined && !(outcome instanceof Cut)) throw outcome
          if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
        }
        await begin(runs.length)
        await world.runToEnd(theJob)
        const found = (await world.read('placed', placed.value)).flatMap(([, value]) => (value === null ? [] : [value]))
        expect(new Set(found.map(({ id }) => id)).size).toBe(since.length)
        for (const { id, city } of found) {
          const { who = '', run = 0 } = since[id] ?? {}
          // It was processed in one of the runs since then, each of which had all rows that there were when it began.
          expect(rows.slice(run).map((each) => each.get(who) ?? null)).toContain(city)
        }
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

test('without bootstrap, records are joined with the rows that are not later than they are', async () => {
  const cityWith = async (bootstrap: boolean) => {
    const driver = await openTestDriver(placeJob(bootstrap))
    await driver.stop()
    await driver.send(orders, { key: 'ann', value: 1, timestamp: 1000 })
    await driver.send(cities, { key: 'ann', value: 'Rom', timestamp: 2000 })
    await driver.start()
    const found = await driver.read(placed)
    await driver.close()
    return found.map(({ value }) => value?.city)
  }
  expect([await cityWith(false), await cityWith(true)]).toEqual([[null], ['Rom']])
})

test('windows wait for the other inputs while a table is bootstrapped, and no record is late for its rows', async () => {
  const counts = stream(orders)
    .leftJoin('place', table(cities, 'cities', { bootstrap: true }), (id) => id)
    .groupByKey()
    .window(tumbling(1000))
    .count('counts', { emit: 'final' })
  const driver = await openTestDriver(job('shop', counts.changes().to(finals), counts.late().to(placed as never)))
  await driver.stop()
  await driver.send(cities, ...[1000, 90_000, 180_000].map((timestamp) => ({ key: 'ann', value: 'Rom', timestamp })))
  await driver.send(orders, ...[100, 900, 1500, 2500].map((timestamp) => ({ key: 'ann', value: timestamp, timestamp })))
  await driver.start()
  const found = (await driver.read(finals)).map(({ key, value }) => [key.window.start, value])
  expect(found).toEqual([
    [0, 2],
    [1000, 1],
  ])
  expect(await driver.read(placed)).toEqual([])
  await driver.close()
})

test('a topic is read with bootstrap everywhere in a job, or nowhere', () => {
  const joined = stream(orders).leftJoin('place', table(cities, 'cities', { bootstrap: true }), (id, city) => ({
    id,
    city,
  }))
  const counts = stream(cities).groupByKey().count('counts')
  expect(() => job('shop', joined.to(placed), counts)).toThrow('Topic cities is read with bootstrap and without')
})
