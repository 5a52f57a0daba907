import { int32, type Job, job, stream, string, type Table, table, topic } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { trials } from '../crash/extent.ts'

/** The number of random joins. MILLRACE_RANDOM_JOINS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOINS'] ?? trials(60))

const orders = topic('orders', { key: string(), value: int32() })
const prices = topic('prices', { key: string(), value: int32() })
const priced = topic('priced', { key: string(), value: string() })

type Kind = 'kept' | 'derived' | 'counted'
type Word = 'join' | 'leftJoin'

/** A table that keeps its rows, one that does not, and one that is computed. */
function tableOf(kind: Kind): Table<string, number> {
  if (kind === 'counted') return stream(prices).groupByKey().count('counts')
  const latest = table(prices, 'prices')
  return kind === 'kept' ? latest : latest.filter((price) => price % 3 !== 0).mapValues((price) => -price)
}

/** `moved`: the stream comes to the table through a repartition topic. */
function lookupJob(word: Word, kind: Kind, moved: boolean): Job {
  const read = moved ? stream(orders).keyBy((_, key) => key, string()) : stream(orders)
  const rows = tableOf(kind)
  const joined =
    word === 'join'
      ? read.join('priced', rows, (order, price) => `${order} ${price}`, { value: string() })
      : read.leftJoin('priced', rows, (order, price) => `${order} ${price}`, { value: string() })
  return job('shop', joined.to(priced))
}

/** The row of a key, from the prices that came so far. */
function rowOf(kind: Kind, seen: readonly (number | null)[]): number | null {
  if (kind === 'counted') {
    const count = seen.filter((price) => price !== null).length
    return count === 0 ? null : count
  }
  const price = seen.at(-1) ?? null
  if (kind === 'kept' || price === null) return price
  return price % 3 === 0 ? null : -price
}

const sent = fc.record({
  to: fc.constantFrom('orders' as const, 'prices' as const),
  key: fc.constantFrom('a', 'b', 'c'),
  value: fc.option(fc.integer({ min: 1, max: 20 }), { freq: 6 }),
})

const plan = fc.record({
  word: fc.constantFrom<Word>('join', 'leftJoin'),
  kind: fc.constantFrom<Kind>('kept', 'derived', 'counted'),
  moved: fc.boolean(),
  partitions: fc.integer({ min: 1, max: 3 }),
  records: fc.array(sent, { maxLength: 40 }),
  restarts: fc.uniqueArray(fc.nat(40), { maxLength: 3 }),
})

test('a record is joined with the row that the table has when it is processed, also after a restart without state', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ word, kind, moved, partitions, records, restarts }) => {
      const driver = await openTestDriver(lookupJob(word, kind, moved), { partitions })
      const seen = new Map<string, (number | null)[]>()
      const expected: string[] = []
      for (const [index, { to, key, value }] of records.entries()) {
        const ofKey = seen.get(key) ?? []
        seen.set(key, ofKey)
        if (to === 'prices') ofKey.push(value)
        else if (value !== null) {
          const row = rowOf(kind, ofKey)
          if (row !== null || word === 'leftJoin') expected.push(`${key}: ${value} ${row}`)
        }
        await driver.send(to === 'prices' ? prices : orders, { key, value })
        if (!restarts.includes(index)) continue
        await driver.stop()
        driver.loseState()
        await driver.start()
      }
      const found = await driver.read(priced)
      expect(found.map(({ key, value }) => `${key}: ${value}`).sort()).toEqual(expected.sort())
      await driver.close()
    }),
    { numRuns: RUNS },
  )
})

test('a joined record has the time of the record, whatever the time of the row', async () => {
  const driver = await openTestDriver(lookupJob('join', 'kept', false))
  await driver.send(prices, { key: 'a', value: 1, timestamp: 5000 })
  await driver.send(orders, { key: 'a', value: 2, timestamp: 1000 })
  expect(await driver.read(priced)).toMatchObject([{ key: 'a', value: '2 1', timestamp: 1000 }])
  await driver.close()
})
