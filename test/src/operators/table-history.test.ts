import { int32, type Job, job, stream, string, type Topic, type TopicRecord, table, topic } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { trials } from '../crash/extent.ts'
import { type SideRecord, sendInTurns } from './two-sides.ts'

/** The number of random joins. MILLRACE_RANDOM_JOINS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOINS'] ?? trials(60))

const orders = topic('orders', { key: string(), value: int32() })
const prices = topic('prices', { key: string(), value: int32() })
const priced = topic('priced', { key: string(), value: string() })
const changed = topic('changed', { key: string(), value: int32() })
const lateOrders = topic('late-orders', { key: string(), value: int32() })
const latePrices = topic('late-prices', { key: string(), value: int32() })

type Word = 'join' | 'leftJoin'

function historyJob(word: Word, history: number): Job {
  const rows = table(prices, 'prices', { history })
  const text = (order: number, price: number | null) => `${order} ${price}`
  const options = { value: string() }
  const joined =
    word === 'join'
      ? stream(orders).join('priced', rows, text, options)
      : stream(orders).leftJoin('priced', rows, text, options)
  return job(
    'shop',
    rows,
    rows.changes().to(changed),
    joined.to(priced),
    joined.late().to(lateOrders),
    rows.late().to(latePrices),
  )
}

/** Watermarks of partitions, and what has come; a record at a time, in the order in which the job takes them. */
class ByHand {
  readonly priced: string[] = []
  readonly changed: string[] = []
  readonly lateOrders: string[] = []
  readonly latePrices: string[] = []
  readonly #watermarks = new Map<string, number>()
  readonly #prices: SideRecord[] = []
  readonly #word: Word
  readonly #history: number

  constructor(word: Word, history: number) {
    this.#word = word
    this.#history = history
  }

  order(record: SideRecord): void {
    const { key, value, timestamp } = record
    const isLate = this.#isLate('orders', record)
    if (value === null) return
    if (isLate) {
      this.lateOrders.push(text(record))
      return
    }
    const price = this.asOf(key, timestamp)
    if (price !== null || this.#word === 'leftJoin') this.priced.push(`${key}: ${value} ${price} at ${timestamp}`)
  }

  price(record: SideRecord): void {
    const { key } = record
    if (this.#isLate('prices', record)) {
      this.latePrices.push(text(record))
      return
    }
    const before = this.asOf(key, Number.POSITIVE_INFINITY)
    const isLast = this.#prices.every((price) => price.key !== key || price.timestamp <= record.timestamp)
    this.#prices.push(record)
    if (isLast && (before !== null || record.value !== null)) this.changed.push(text(record))
  }

  asOf(key: string, at: number): number | null {
    const known = this.#prices.filter((price) => price.key === key && price.timestamp <= at)
    return known.sort((a, b) => a.timestamp - b.timestamp).at(-1)?.value ?? null
  }

  #isLate(side: string, { partition, timestamp }: SideRecord): boolean {
    const watermark = Math.max(timestamp, this.#watermarks.get(`${side} ${partition}`) ?? 0)
    this.#watermarks.set(`${side} ${partition}`, watermark)
    return watermark > timestamp + this.#history
  }
}

function text({ key, value, timestamp }: Pick<TopicRecord<string, unknown>, 'key' | 'value' | 'timestamp'>): string {
  return `${key}: ${value} at ${timestamp}`
}

/** Records whose times go up and down. The first of each partition begins its time. */
function recordsOf(made: readonly { key: number; value: number | null; step: number }[], partitions: number) {
  let time = 1000
  const first = Array.from(
    { length: partitions },
    (_, partition): SideRecord => ({
      key: 'begin',
      value: 1,
      timestamp: 900,
      partition,
    }),
  )
  const records = made.map(({ key, value, step }): SideRecord => {
    time = Math.max(900, time + step)
    const bytes = Buffer.from(`k${key}`)
    return { key: `k${key}`, value, timestamp: time, partition: partitionOf(bytes, 0, bytes.length, partitions) }
  })
  return [...first, ...records]
}

const someRecords = fc.array(
  fc.record({
    key: fc.integer({ min: 0, max: 3 }),
    value: fc.option(fc.integer({ min: 0, max: 99 }), { freq: 4 }),
    step: fc.oneof(
      { weight: 8, arbitrary: fc.integer({ min: -9, max: 10 }) },
      { weight: 1, arbitrary: fc.constantFrom(-25, 60) },
    ),
  }),
  { maxLength: 40 },
)

const plan = fc.record({
  word: fc.constantFrom<Word>('join', 'leftJoin'),
  history: fc.integer({ min: 1, max: 30 }),
  partitions: fc.integer({ min: 1, max: 3 }),
  orderRecords: someRecords,
  priceRecords: someRecords,
  restarts: fc.uniqueArray(fc.nat(80), { maxLength: 3 }),
  crashAtEveryCommit: fc.boolean(),
  // Whether the stream sends next.
  turns: fc.array(fc.boolean(), { maxLength: 80 }),
})

/** Some turns, and then those of both sides in alternation. */
function* endless(turns: readonly boolean[]): Generator<boolean, never> {
  yield* turns
  for (;;) {
    yield true
    yield false
  }
}

test('each record finds the row as of its time among all that has come, wherever the job is cut off', async () => {
  await fc.assert(
    fc.asyncProperty(plan, async ({ word, history, partitions, restarts, crashAtEveryCommit, turns, ...made }) => {
      const driver = await openTestDriver(historyJob(word, history), {
        partitions,
        idleAfterMs: Number.POSITIVE_INFINITY,
        crashAtEveryCommit,
      })
      const sides = {
        orders: recordsOf(made.orderRecords, partitions),
        prices: recordsOf(made.priceRecords, partitions),
      }
      const byHand = new ByHand(word, history)
      const both = [
        { topic: orders, records: sides.orders },
        { topic: prices, records: sides.prices },
      ] as const
      await sendInTurns(driver, both, partitions, endless(turns), restarts)
      const left = [...sides.orders]
      const right = [...sides.prices]
      for (const record of left.splice(0, partitions)) byHand.order(record)
      for (const record of right.splice(0, partitions)) byHand.price(record)
      for (const turn of endless(turns)) {
        if (left.length + right.length === 0) break
        if (turn) for (const order of left.splice(0, 1)) byHand.order(order)
        else for (const price of right.splice(0, 1)) byHand.price(price)
      }
      const found = async <V>(from: Topic<string, V>) => (await driver.read(from)).map(text).sort()
      expect(await found(priced)).toEqual(byHand.priced.sort())
      expect(await found(changed)).toEqual(byHand.changed.sort())
      expect(await found(lateOrders)).toEqual(byHand.lateOrders.sort())
      expect(await found(latePrices)).toEqual(byHand.latePrices.sort())
      await driver.close()
    }),
    { numRuns: RUNS },
  )
})

describe('a table with a history', () => {
  const rates = table(prices, 'rates', { history: 100 })
  const at = (timestamp: number, key: string, value: number | null = 1) => ({ key, value, timestamp })
  const words = (order: number, price: number | null) => `${order} ${price}`
  const joined = stream(orders).leftJoin('joined', rates, words, { value: string() })
  const open = async (...parameters: Parameters<typeof openTestDriver>) => {
    const driver = await openTestDriver(...parameters)
    onTestFinished(() => driver.close())
    return driver
  }
  type Driver = Awaited<ReturnType<typeof open>>
  const results = async (driver: Driver) => (await driver.read(priced)).map(({ value }) => value)

  test('gives a record at once the row as of its time, also if that came out of order, or was deleted since', async () => {
    const driver = await open(job('j', joined.to(priced)))
    await driver.send(prices, at(1000, 'a', 10), at(1040, 'a', 14), at(1020, 'a', 12), at(1050, 'a', null))
    await driver.send(orders, at(999, 'a', 1), at(1000, 'a', 2), at(1039, 'a', 3), at(1040, 'a', 4), at(1050, 'a', 5))
    expect(await results(driver)).toEqual(['1 null', '2 10', '3 12', '4 14', '5 null'])
  })

  test('has the row of the latest time, and passes on no change for a record of an earlier one', async () => {
    const driver = await open(job('j', rates, rates.changes().to(changed)))
    await driver.send(prices, at(1040, 'a', 14), at(1020, 'a', 12), at(1040, 'a', 15), at(1010, 'a', null))
    expect((await driver.read(changed)).map(({ value }) => value)).toEqual([14, 15])
    expect(await driver.view(rates).get('a')).toBe(15)
  })

  test('passes over what is older than the history, on both sides, and counts it as late', async () => {
    const driver = await open(job('j', joined.to(priced), joined.late().to(lateOrders), rates.late().to(latePrices)))
    await driver.send(prices, at(1000, 'a', 10), at(1200, 'a', 12), at(1100, 'a', 11), at(1099, 'a', 9))
    await driver.send(orders, at(1200, 'x', 1), at(1100, 'a', 2), at(1099, 'a', 3))
    expect(await results(driver)).toEqual(['1 null', '2 11'])
    expect(await driver.read(lateOrders)).toMatchObject([{ key: 'a', value: 3, timestamp: 1099 }])
    expect(await driver.read(latePrices)).toMatchObject([{ key: 'a', value: 9, timestamp: 1099 }])
    expect(driver.status?.tasks[0]?.counts.late).toBe(2)
  })

  test('waits like any other table for records that are joined with `asOf`', async () => {
    const asOf = stream(orders).join('joined', rates, words, { asOf: { grace: 10 }, value: string() })
    const driver = await open(job('j', asOf.to(priced)))
    await driver.send(prices, at(1000, 'a', 10))
    await driver.send(orders, at(1005, 'a', 1))
    expect(await results(driver)).toEqual([])
    await driver.send(prices, at(1003, 'a', 11), at(1100, 'a', 12))
    await driver.send(orders, at(1100, 'x', 2))
    expect(await results(driver)).toEqual(['1 11'])
  })

  test('has no history in what is computed from it', async () => {
    const doubled = rates.mapValues((rate) => 2 * rate)
    const present = stream(orders).join('present', doubled, words, { value: string() })
    const driver = await open(job('j', present.to(priced)))
    await driver.send(prices, at(1000, 'a', 10), at(1040, 'a', 14))
    await driver.send(orders, at(1020, 'a', 1))
    expect(await results(driver)).toEqual(['1 28'])
  })

  test('is not continued with another history', async () => {
    const driver = await open(job('j', rates))
    await driver.send(prices, at(1000, 'a', 10))
    await driver.stop()
    await expect(driver.start(job('j', table(prices, 'rates', { history: 200 })))).rejects.toMatchObject({
      code: 'STORE_CHANGED',
      message: expect.stringContaining('history 100ms, now 200ms'),
    })
  })
})
