import { rmSync } from 'node:fs'
import { job, json, stream, string, table, topic } from '@millrace/core'
import { array, asyncProperty, assert as check, constantFrom, integer, oneof, option, record } from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { JobWorld } from './job-world.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<number | null>() })

const latest = table(numbers, 'latest')
const large = latest.filter((value) => value >= 10, { name: 'large' })
const halves = large.mapValues((value) => (value % 2 === 0 ? value / 2 : null), { name: 'halves' })
const tables = job('tables', latest, large, halves, halves.changes().to(out))

let world: JobWorld

beforeEach(async () => {
  world = await JobWorld.open()
})

afterEach(() => world.close())

/** The content of each table: the rows of the latest values that it keeps. */
function modelOf(rows: ReadonlyMap<string, number>) {
  const all = [...rows]
  return {
    latest: new Map(all),
    large: new Map(all.filter(([, value]) => value >= 10)),
    halves: new Map(all.flatMap(([key, value]) => (value >= 10 && value % 2 === 0 ? [[key, value / 2] as const] : []))),
  }
}

const write = record({
  key: constantFrom('a', 'b', 'c'),
  value: option(integer({ min: 7, max: 13 }), { nil: null }),
})
const step = oneof(
  { weight: 8, arbitrary: write },
  { weight: 2, arbitrary: constantFrom('run' as const, 'lose the state' as const, 'compact' as const) },
)

test('a row that was deleted or filtered out and comes again is back in every table, also after restarts and restores', async () => {
  await check(
    asyncProperty(array(step, { minLength: 8, maxLength: 20 }), async (steps) => {
      await world.close()
      world = await JobWorld.open()
      await world.topic('numbers')
      await world.topic('out')
      // Small segments, so that compaction has something to compact.
      await world.topic('tables.changelog', { cleanup: 'compact', segmentBytes: 1024 })
      const rows = new Map<string, number>()
      for (const [timestamp, each] of [...steps, 'run' as const].entries()) {
        if (typeof each === 'object') {
          if (each.value === null) rows.delete(each.key)
          else rows.set(each.key, each.value)
          await world.produce('numbers', numbers.value, [{ ...each, timestamp }])
          continue
        }
        await world.runToEnd(tables)
        if (each === 'lose the state') rmSync(world.stateDirectory, { recursive: true })
        if (each === 'compact') await world.log.admin.clean('tables.changelog')
      }
      const expected = modelOf(rows)
      expect(await world.rows(tables, 'latest')).toEqual(expected.latest)
      expect(await world.rows(tables, 'large')).toEqual(expected.large)
      expect(await world.rows(tables, 'halves')).toEqual(expected.halves)
      // The changes of a table, applied in order, give the table.
      const found = new Map<string | null, number | null>()
      for (const [key, value] of await world.read('out', out.value)) found.set(key, value)
      expect(new Map([...found].filter(([, value]) => value !== null))).toEqual(expected.halves)
    }),
    { numRuns: 4 },
  )
})

test('a total over nothing has no row, and begins with its first record', async () => {
  await world.topic('numbers')
  const total = stream(numbers)
    .filter((value) => value > 0)
    .groupBy(() => 'all', string())
    .aggregate('total', { init: () => 0, add: (sum, value) => sum + value, value: json<number>() })
  const totals = job('totals', total)
  await world.runToEnd(totals)
  expect(await world.rows(totals, 'total')).toEqual(new Map())
  await world.produce('numbers', numbers.value, [{ key: 'a', value: -1, timestamp: 1 }])
  await world.runToEnd(totals)
  expect(await world.rows(totals, 'total')).toEqual(new Map())
  await world.produce('numbers', numbers.value, [{ key: 'a', value: 2, timestamp: 2 }])
  await world.runToEnd(totals)
  expect(await world.rows(totals, 'total')).toEqual(new Map([['all', 2]]))
})
