import { int32, type Job, job, stream, string, table, topic } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { judged, type SideRecord, sendInTurns } from './two-sides.ts'

/** The number of random joins. MILLRACE_RANDOM_JOINS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOINS'] ?? trials(60))

/** Later than everything else: records of this time make all others complete. */
const END_MS = 10_000

const orders = topic('orders', { key: string(), value: int32() })
const prices = topic('prices', { key: string(), value: int32() })
const priced = topic('priced', { key: string(), value: string() })
const lateOrders = topic('late-orders', { key: string(), value: int32() })
const latePrices = topic('late-prices', { key: string(), value: int32() })

type Word = 'join' | 'leftJoin'

/** `moved`: the stream comes to the table through a repartition topic. */
function asOfJob(word: Word, grace: number, moved: boolean): Job {
  const read = moved ? stream(orders).keyBy((_, key) => key, string()) : stream(orders)
  const rows = table(prices, 'prices')
  const options = { asOf: { grace }, value: string() }
  const text = (order: number, price: number | null) => `${order} ${price}`
  const joined =
    word === 'join' ? read.join('priced', rows, text, options) : read.leftJoin('priced', rows, text, options)
  return job('shop', joined.to(priced), joined.lateLeft().to(lateOrders), joined.lateRight().to(latePrices))
}

/** Each order in time, with the last price in time that is not later than it. */
function expectedRows(
  word: Word,
  grace: number,
  orderRecords: readonly SideRecord[],
  priceRecords: readonly SideRecord[],
) {
  const ordersJudged = judged(orderRecords, grace)
  const pricesJudged = judged(priceRecords, grace)
  const isOrder = ({ value }: SideRecord) => value !== null
  const rows = ordersJudged.inTime.filter(isOrder).flatMap(({ key, value, timestamp }) => {
    const known = pricesJudged.inTime.filter((price) => price.key === key && price.timestamp <= timestamp)
    const last = known.reduce<SideRecord | undefined>(
      (best, price) => (best === undefined || price.timestamp >= best.timestamp ? price : best),
      undefined,
    )
    const price = last?.value ?? null
    return price === null && word === 'join' ? [] : [`${key}: ${value} ${price} at ${timestamp}`]
  })
  const text = ({ key, value, timestamp }: SideRecord) => `${key}: ${value} at ${timestamp}`
  return {
    rows: rows.sort(),
    lateOrders: ordersJudged.late.filter(isOrder).map(text).sort(),
    latePrices: pricesJudged.late.map(text).sort(),
  }
}

/**
 * Records whose times go up and down. The first of each partition begins its time, and the last makes all others complete, and
 * those of its time wait.
 */
function recordsOf(
  made: readonly { key: number; value: number | null; step: number }[],
  partitions: number,
): SideRecord[] {
  let time = 1000
  const inEach = (key: string, timestamp: number) =>
    Array.from({ length: partitions }, (_, partition): SideRecord => ({ key, value: 1, timestamp, partition }))
  const records = made.map(({ key, value, step }): SideRecord => {
    time = Math.max(0, time + step)
    const bytes = Buffer.from(`k${key}`)
    return { key: `k${key}`, value, timestamp: time, partition: partitionOf(bytes, 0, bytes.length, partitions) }
  })
  return [...inEach('begin', 0), ...records, ...inEach('end', END_MS)]
}

const someRecords = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 3 }),
    value: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 5 }),
    step: fc.integer({ min: -8, max: 10 }),
  }),
  { maxLength: 40 },
)

const plan = fc.record({
  word: fc.constantFrom<Word>('join', 'leftJoin'),
  grace: fc.nat(12),
  moved: fc.boolean(),
  partitions: fc.integer({ min: 1, max: 3 }),
  orderRecords: someRecords,
  priceRecords: someRecords,
  restarts: fc.uniqueArray(fc.nat(80), { maxLength: 3 }),
  // Whether the stream sends next.
  turns: fc.infiniteStream(fc.boolean()),
})

test('every interleaving of a stream and a table gives each record the row as of its time', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ word, grace, moved, partitions, restarts, turns, ...made }) => {
      const driver = await openTestDriver(asOfJob(word, grace, moved), {
        partitions,
        idleAfterMs: Number.POSITIVE_INFINITY,
      })
      const sides = {
        orders: recordsOf(made.orderRecords, partitions),
        prices: recordsOf(made.priceRecords, partitions),
      }
      const both = [
        { topic: orders, records: sides.orders },
        { topic: prices, records: sides.prices },
      ] as const
      await sendInTurns(driver, both, partitions, turns, restarts)
      const rows = (found: readonly { key: string; value: unknown; timestamp: number }[]) =>
        found.map(({ key, value, timestamp }) => `${key}: ${value} at ${timestamp}`).sort()
      const expected = expectedRows(word, grace, sides.orders, sides.prices)
      const complete = expected.rows.filter((row) => !row.startsWith('end:'))
      expect(rows(await driver.read(priced))).toEqual(complete)
      expect(rows(await driver.read(lateOrders))).toEqual(expected.lateOrders)
      expect(rows(await driver.read(latePrices))).toEqual(expected.latePrices)
      await driver.close()
    }),
    { numRuns: RUNS },
  )
})
