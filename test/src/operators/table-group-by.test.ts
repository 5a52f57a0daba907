import { job, json, stream, string, type Table, table, topic, tumbling } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { JobWorld } from '../runtime/job-world.ts'
import { cutRuns, rowsOf, runCut } from './cut-runs.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(15))

interface Order {
  readonly customer: string
  readonly cents: number
}

const orders = topic('orders', { key: string(), value: json<Order>() })
const changed = topic('changed', { key: string(), value: json<number>() })

const rows = table(orders, 'rows')
const byCustomer = rows.groupBy((order) => order.customer, string())
const count = byCustomer.count('count')
const sum = byCustomer.aggregate('sum', {
  init: () => ({ cents: 0 }),
  // In place: a total that was passed on stays as it was.
  add: (total, order) => {
    total.cents += order.cents
    return total
  },
  subtract: (total, order) => {
    total.cents -= order.cents
    return total
  },
})
const cents = rows
  .mapValues((order) => order.cents)
  // Keys that are equal, and not the same.
  .groupBy((_, key) => [key.slice(-1)])
  .reduce('cents', { add: (a, b) => a + b, subtract: (a, b) => a - b })
const large = sum.filter((total) => total.cents >= 50)
const perSize = large.groupBy((total) => total.cents % 3).count('per-size')
const all = job(
  'grouped',
  count,
  sum,
  cents,
  perSize,
  sum
    .mapValues((total) => total.cents)
    .changes()
    .to(changed),
)

/** The totals of all groups, from the rows that there are. */
function expectedTotals(current: ReadonlyMap<string, Order>) {
  const counts = new Map<string, number>()
  const sums = new Map<string, { cents: number }>()
  const byLast = new Map<string, number>()
  for (const [key, order] of current) {
    counts.set(order.customer, (counts.get(order.customer) ?? 0) + 1)
    sums.set(order.customer, { cents: (sums.get(order.customer)?.cents ?? 0) + order.cents })
    byLast.set(key.slice(-1), (byLast.get(key.slice(-1)) ?? 0) + order.cents)
  }
  const sizes = new Map<string, number>()
  for (const { cents: size } of sums.values()) {
    if (size >= 50) sizes.set(`${size % 3}`, (sizes.get(`${size % 3}`) ?? 0) + 1)
  }
  return { count: counts, sum: sums, cents: byLast, 'per-size': sizes }
}

const input = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  records: fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 15 }),
      value: fc.option(
        fc.record({
          customer: fc.constantFrom('ann', 'bob', 'eve'),
          cents: fc.integer({ min: 0, max: 30 }),
        }),
      ),
      timestamp: fc.integer({ min: 1000, max: 1200 }),
    }),
    { minLength: 1, maxLength: 300 },
  ),
  runs: cutRuns,
})

test(
  'the totals of groups are those of the rows that there are, however rows change and wherever the job is cut off',
  async () => {
    await fc.assert(
      fc.asyncProperty(input, async ({ partitions, records, runs }) => {
        const world = await JobWorld.open()
        await world.topic('orders', { partitions })
        await world.topic('changed', { partitions: 2 })
        const written = records.map((each) => ({ ...each, key: `o${each.key}`, partition: each.key % partitions }))
        await runCut(world, all, runs, written.length, (from, to) =>
          world.produce('orders', orders.value, written.slice(from, to)),
        )
        const expected = expectedTotals(rowsOf(written))
        const found = await world.allRows(all)
        expect(found.get('count')).toEqual(expected.count)
        expect(found.get('sum')).toEqual(expected.sum)
        expect(found.get('cents')).toEqual(expected.cents)
        expect(found.get('per-size')).toEqual(expected['per-size'])
        // The changes of a table, applied in their order, give the table.
        const changes = await Promise.all([0, 1].map((partition) => world.read('changed', changed.value, partition)))
        const sums = new Map([...expected.sum].map(([key, total]) => [key, total.cents]))
        expect(rowsOf(changes.flat().map(([key, value]) => ({ key: `${key}`, value })))).toEqual(sums)
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

describe('the total of a group', () => {
  const changesOf = (totals: Table<string, number>) => job('j', totals, totals.changes().to(changed))
  const inCents = {
    add: (total: number, value: number) => total + value,
    subtract: (total: number, value: number) => total - value,
  }
  const order = (key: string, customer: string, amount: number) => ({ key, value: { customer, cents: amount } })

  test('changes once when a row changes inside its group, and in both groups when the row changes groups', async () => {
    const totals = rows
      .groupBy(({ customer }) => customer, string())
      .aggregate('totals', {
        init: () => 0,
        add: (total, { cents: more }) => total + more,
        subtract: (total, { cents: less }) => total - less,
        value: json<number>(),
      })
    const driver = await openTestDriver(changesOf(totals))
    await driver.send(orders, order('1', 'ann', 5), order('2', 'ann', 7), order('2', 'ann', 8), order('1', 'bob', 6))
    const found = (await driver.read(changed)).map(({ key, value }) => [key, value])
    expect(found).toEqual([
      ['ann', 5],
      ['ann', 12],
      ['ann', 13],
      ['ann', 8],
      ['bob', 6],
    ])
    await driver.close()
  })

  test('goes with the last row without a call of subtract, and begins again with the next one', async () => {
    const begun: string[] = []
    const totals = rows
      .groupBy(({ customer }) => customer, string())
      .aggregate('totals', {
        init: () => {
          begun.push('init')
          return 1000
        },
        add: (total, { cents: more }) => total + more,
        subtract: () => {
          throw new Error('the last row was subtracted')
        },
        value: json<number>(),
      })
    const driver = await openTestDriver(changesOf(totals))
    await driver.send(orders, order('1', 'ann', 5), order('1', 'ann', 6), { key: '1', value: null })
    expect(await driver.view(totals).get('ann')).toBeUndefined()
    await driver.send(orders, order('2', 'ann', 7))
    expect((await driver.read(changed)).map(({ value }) => value)).toEqual([1005, 1006, null, 1007])
    expect(begun).toHaveLength(3)
    await driver.close()
  })

  test('is the first row of the group in a reduction, and a row alone replaces itself', async () => {
    const totals = rows
      .mapValues((each) => each.cents)
      .groupBy((_, key) => key.slice(0, 1), string())
      .reduce('totals', inCents)
    const driver = await openTestDriver(changesOf(totals))
    await driver.send(
      orders,
      order('a1', 'ann', 5),
      order('a1', 'ann', 6),
      order('a2', 'ann', 7),
      order('a1', 'ann', 1),
    )
    expect((await driver.read(changed)).map(({ value }) => value)).toEqual([5, 6, 13, 8])
    await driver.close()
  })

  test('is a count of rows, which does not change when a row changes inside its group', async () => {
    const driver = await openTestDriver(changesOf(count))
    await driver.send(orders, order('1', 'ann', 5), order('1', 'ann', 6), order('2', 'ann', 6), order('1', 'bob', 6))
    await driver.send(orders, { key: '2', value: null }, { key: '2', value: null })
    const found = (await driver.read(changed)).map(({ key, value }) => [key, value])
    expect(found).toEqual([
      ['ann', 1],
      ['ann', 2],
      ['ann', 1],
      ['bob', 1],
      ['ann', null],
    ])
    await driver.close()
  })

  test('has the highest time of the rows that were in it', async () => {
    const driver = await openTestDriver(changesOf(count))
    await driver.send(orders, { ...order('1', 'ann', 5), timestamp: 100 }, { ...order('2', 'ann', 5), timestamp: 50 })
    await driver.send(orders, { key: '1', value: null, timestamp: 60 })
    expect((await driver.read(changed)).map(({ timestamp }) => timestamp)).toEqual([100, 100, 100])
    await driver.close()
  })

  test('can be over the windows of a windowed table', async () => {
    const perHour = stream(orders)
      .groupByKey()
      .window(tumbling('1h'))
      .count('per-hour')
      .groupBy((_, { window }) => `${window.start}`, string())
      .reduce('in-hour', inCents)
    const driver = await openTestDriver(job('j', perHour))
    await driver.send(orders, { ...order('1', 'ann', 5), timestamp: 1 }, { ...order('2', 'ann', 5), timestamp: 2 })
    await driver.send(
      orders,
      { ...order('1', 'ann', 5), timestamp: 3 },
      { ...order('1', 'ann', 5), timestamp: 3_600_000 },
    )
    expect(await driver.view(perHour).get('0')).toBe(3)
    expect(await driver.view(perHour).get('3600000')).toBe(1)
    await driver.close()
  })

  test.each([
    ['no group', () => null, 'KEY_MISSING'],
    ['nothing', () => undefined, 'CALLBACK_FAILED'],
  ])(
    'is not there for a row for which the callback returns %s: that is an error of the record',
    async (_what, fn, code) => {
      const totals = rows.groupBy(fn as unknown as () => string).count('totals')
      const driver = await openTestDriver(job('j', totals))
      await expect(driver.send(orders, order('1', 'ann', 5))).rejects.toMatchObject({ code })
      await driver.close()
    },
  )

  test('lacks a row for which its callback throws, and the record is counted as failed', async () => {
    const totals = rows.mapValues((each) => each.cents).groupBy(() => 'all', string())
    const sums = totals.reduce('sums', {
      ...inCents,
      add: (total, value) => {
        if (value === 13) throw new Error('unlucky')
        return total + value
      },
    })
    const driver = await openTestDriver(job('j', sums).onError({ callback: 'skip' }))
    await driver.send(orders, order('1', 'ann', 1), order('2', 'ann', 13), order('3', 'ann', 2))
    expect(await driver.view(sums).get('all')).toBe(3)
    expect(driver.status?.tasks.map(({ counts }) => counts.failed)).toContain(1)
    await driver.close()
  })

  test('is not continued as the total of a stream: the records on their way are of another kind', async () => {
    const driver = await openTestDriver(job('j', count))
    await driver.send(orders, order('1', 'ann', 5))
    await driver.stop()
    const ofStream = stream(orders)
      .groupBy((each) => each.customer, string())
      .count('count')
    await expect(driver.start(job('j', ofStream))).rejects.toMatchObject({
      code: 'STORE_CHANGED',
      message: expect.stringContaining('value serde change(presence), now json'),
    })
    await driver.close()
  })
})
