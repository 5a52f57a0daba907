import { type Comparable, job, json, type Ranked, stream, string, table, topic, tumbling } from '@millrace/core'
import { knownJobs, openStoppedView } from '@millrace/runtime'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { JobWorld } from '../runtime/job-world.ts'
import { cutRuns, rowsOf, runCut } from './cut-runs.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(15))

interface Product {
  readonly shop: string
  readonly price: Comparable
}

type Rows = ReadonlyMap<string, Product>
type List = readonly Ranked<string, unknown>[]

const products = topic('products', { key: string(), value: json<Product>() })
const lists = topic('lists', { key: string(), value: json<List>() })

const rows = table(products, 'rows')
const dearest = rows.topN('dearest', 3, (product) => product.price)
const cheapest = rows
  .filter((product) => typeof product.price === 'number')
  .groupBy((product) => product.shop, string())
  .topN('cheapest', 2, (product) => product.price, { order: 'ascending' })
const perShop = rows.groupBy((product) => product.shop, string()).count('per-shop')
const largest = perShop.topN('largest', 2, (count) => count)
const all = job('ranked', dearest, cheapest, largest, dearest.changes().to(lists))

/** The first rows of a list, ordered by a rank and then by key. */
function first<V>(
  list: Iterable<readonly [string, V]>,
  count: number,
  rankOf: (value: V) => Comparable,
  sign = -1,
): List {
  const sorted = [...list].sort(([a, left], [b, right]) => sign * compare(rankOf(left), rankOf(right)) || compare(a, b))
  return sorted.slice(0, count).map(([key, value], index) => ({ rank: index + 1, key, value }))
}

/** Numbers before texts. */
function compare(a: Comparable, b: Comparable): number {
  if (typeof a !== typeof b) return typeof a === 'number' ? -1 : 1
  return a < b ? -1 : Number(a > b)
}

function grouped<V>(list: Iterable<readonly [string, V]>, groupOf: (value: V) => string): Map<string, [string, V][]> {
  const groups = new Map<string, [string, V][]>()
  for (const [key, value] of list) groups.set(groupOf(value), [...(groups.get(groupOf(value)) ?? []), [key, value]])
  return groups
}

/** What all views must have, from the rows that there are. */
function expectedViews(current: Rows): Record<string, Map<string, unknown>> {
  const inOne = (list: List) => new Map(list.length === 0 ? [] : [['all', list]])
  const counts = [...grouped(current, ({ shop }) => shop)].map(([shop, each]) => [shop, each.length] as const)
  const numbers = [...current].filter(([, { price }]) => typeof price === 'number')
  const cheap = [...grouped(numbers, ({ shop }) => shop)].map(
    ([shop, each]) => [shop, first(each, 2, ({ price }) => price, 1)] as const,
  )
  return {
    dearest: inOne(first(current, 3, ({ price }) => price)),
    cheapest: new Map(cheap),
    largest: inOne(first(counts, 2, (count) => count)),
  }
}

const price = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.constantFrom(-1.5, 'a', 'ab'))

const input = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  records: fc.array(
    fc.record({
      key: fc.integer({ min: 0, max: 15 }),
      value: fc.option(fc.record({ shop: fc.constantFrom('here', 'there', 'web'), price }), { freq: 3 }),
      timestamp: fc.integer({ min: 1000, max: 1200 }),
    }),
    { minLength: 20, maxLength: 300 },
  ),
  runs: cutRuns,
})

test(
  'the first rows are those of a sort of all rows, however rows change and wherever the job is cut off',
  async () => {
    await fc.assert(
      fc.asyncProperty(input, async ({ partitions, records, runs }) => {
        const world = await JobWorld.open()
        await world.topic('products', { partitions })
        await world.topic('lists')
        const written = records.map((each) => ({ ...each, key: `p${each.key}`, partition: each.key % partitions }))
        await runCut(world, all, runs, written.length, (from, to) =>
          world.produce('products', products.value, written.slice(from, to)),
        )
        const expected = expectedViews(rowsOf(written))
        const found = await world.allRows(all)
        for (const [view, entries] of Object.entries(expected)) expect(found.get(view), view).toEqual(entries)
        // The changes of the table, applied in their order, give the table.
        const changes = await world.read('lists', lists.value)
        expect(rowsOf(changes.map(([key, value]) => ({ key: `${key}`, value })))).toEqual(expected['dearest'])
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS, 8000),
)

describe('the first rows', () => {
  const product = (key: string, amount: Comparable, shop = 'web') => ({ key, value: { shop, price: amount } })
  const keysOf = (list: List | null | undefined) => list?.map(({ rank, key }) => `${rank} ${key}`)
  const open = async (...parameters: Parameters<typeof openTestDriver>) => {
    const driver = await openTestDriver(...parameters)
    onTestFinished(() => driver.close())
    return driver
  }

  test('let the next row in when one of them goes or falls, and are not there when no row is left', async () => {
    const driver = await open(job('j', dearest, dearest.changes().to(lists)), { partitions: 2 })
    await driver.send(products, product('a', 1), product('b', 5), product('c', 3), product('d', 4), product('e', 2))
    expect(keysOf(await driver.view(dearest).get('all'))).toEqual(['1 b', '2 d', '3 c'])
    await driver.send(products, product('b', 0))
    expect(keysOf(await driver.view(dearest).get('all'))).toEqual(['1 d', '2 c', '3 e'])
    await driver.send(products, { key: 'd', value: null }, { key: 'unknown', value: null })
    expect(keysOf(await driver.view(dearest).get('all'))).toEqual(['1 c', '2 e', '3 a'])
    await driver.send(products, ...['a', 'b', 'c', 'e'].map((key) => ({ key, value: null })))
    expect(await driver.view(dearest).get('all')).toBeUndefined()
    expect((await driver.read(lists)).at(-1)).toMatchObject({ key: 'all', value: null })
  })

  test('are in the order of their keys if their ranks are equal, whichever came first, and 0 equals -0', async () => {
    const driver = await open(job('j', dearest))
    await driver.send(products, product('d', 0), product('c', -0), product('b', 0), product('a', -0))
    expect(keysOf(await driver.view(dearest).get('all'))).toEqual(['1 a', '2 b', '3 c'])
  })

  test('leave a group with a row that changes groups, which is then in the other one', async () => {
    const driver = await open(job('j', cheapest), { partitions: 3 })
    await driver.send(products, product('a', 1, 'here'), product('b', 2, 'here'), product('c', 3, 'here'))
    await driver.send(products, product('a', 1, 'there'))
    expect(keysOf(await driver.view(cheapest).get('here'))).toEqual(['1 b', '2 c'])
    expect(keysOf(await driver.view(cheapest).get('there'))).toEqual(['1 a'])
  })

  test('have the highest time of their changes since the group had its first row', async () => {
    const driver = await open(job('j', dearest.changes().to(lists)))
    await driver.send(products, { ...product('a', 1), timestamp: 100 }, { ...product('b', 2), timestamp: 50 })
    await driver.send(products, { key: 'a', value: null, timestamp: 60 }, { key: 'b', value: null, timestamp: 70 })
    await driver.send(products, { ...product('a', 1), timestamp: 80 })
    expect((await driver.read(lists)).map(({ timestamp }) => timestamp)).toEqual([100, 100, 100, 100, 80])
  })

  test('change once when one row takes the place of another, and not for a row behind them', async () => {
    const driver = await open(job('j', dearest.changes().to(lists)))
    await driver.send(products, product('a', 1), product('b', 2), product('c', 3), product('d', 4), product('x', 0))
    const found = (await driver.read(lists)).map(({ value }) => keysOf(value))
    expect(found).toEqual([['1 a'], ['1 b', '2 a'], ['1 c', '2 b', '3 a'], ['1 d', '2 c', '3 b']])
  })

  test('can be of the windows of a windowed table, whose keys they have', async () => {
    const { hours, busiest } = perHour()
    const driver = await open(job('j', hours, busiest))
    await driver.send(products, { ...product('a', 1), timestamp: 1 }, { ...product('b', 1), timestamp: 2 })
    await driver.send(products, { ...product('b', 1), timestamp: 3 })
    const window = { start: 0, end: 3_600_000 }
    expect(await driver.view(busiest).get('0')).toEqual([
      { rank: 1, key: { key: 'b', window }, value: 2 },
      { rank: 2, key: { key: 'a', window }, value: 1 },
    ])
  })

  test('can be ranked in turn, also in groups whose keys are not text', async () => {
    const byLength = cheapest.groupBy((list) => [list.length]).topN('by-length', 1, (list) => list[0]?.key ?? '')
    const driver = await open(job('j', byLength), { partitions: 2 })
    await driver.send(products, product('a', 1, 'here'), product('b', 2, 'here'))
    await driver.send(products, product('c', 3, 'there'), product('d', 4, 'web'))
    const rank = 1
    expect(await driver.view(byLength).get([1])).toEqual([
      { rank, key: 'web', value: [{ rank, key: 'd', value: { shop: 'web', price: 4 } }] },
    ])
    expect(keysOf(await driver.view(byLength).get([2]))).toEqual(['1 here'])
    await driver.send(products, { key: 'd', value: null })
    expect(keysOf(await driver.view(byLength).get([1]))).toEqual(['1 there'])
  })

  test.each([
    ['no number', Number.NaN, 'NaN. It must return a finite number or a string'],
    ['an infinite number', Number.POSITIVE_INFINITY, 'Infinity. It must return a finite number or a string'],
    ['null', null, 'null. It must return a finite number or a string'],
    ['nothing', undefined, 'undefined. It must return a finite number or a string'],
    ['a promise', Promise.resolve(1), 'a promise. Callbacks are synchronous, not async'],
    ['half a surrogate pair', '\ud800', 'a value of type string. A string must not have half a surrogate pair'],
  ])('do not have a row of which the rank is %s: that is an error of the record', async (_what, rank, message) => {
    const ranks = rows.topN('ranks', 2, () => rank as number)
    const driver = await open(job('j', ranks))
    await expect(driver.send(products, product('a', 1))).rejects.toMatchObject({
      code: 'CALLBACK_FAILED',
      message: expect.stringContaining(`The callback of topN "ranks" returned ${message}`),
    })
  })

  test.each([
    ['null', () => null, 'KEY_MISSING'],
    ['nothing', () => undefined, 'CALLBACK_FAILED'],
    ['a number for text', () => 7, 'RECORD_UNENCODABLE'],
  ])('do not have a row of which the group is %s: that is an error of the record', async (_what, group, code) => {
    const ranks = rows.groupBy(group as unknown as () => string, string()).topN('ranks', 2, ({ price: it }) => it)
    const driver = await open(job('j', ranks))
    await expect(driver.send(products, product('a', 1))).rejects.toMatchObject({ code })
  })

  test('stay as they were if a record fails and is skipped, and so does the table', async () => {
    const ranks = rows.topN('ranks', 2, ({ price: it }) => (it === 13 ? Number.NaN : it))
    const driver = await open(job('j', rows, ranks).onError({ callback: 'skip' }))
    await driver.send(products, product('a', 1), product('b', 2), product('a', 13), product('c', 13))
    expect(keysOf(await driver.view(ranks).get('all'))).toEqual(['1 b', '2 a'])
    expect(await driver.view(rows).get('a')).toEqual({ shop: 'web', price: 1 })
    expect(driver.status?.tasks.map(({ counts }) => counts.failed)).toContain(2)
  })

  test('are as before if a record fails at another step that takes the same row', async () => {
    const checked = rows.mapValues(
      (value) => {
        if (value.price === 13) throw new Error('unlucky')
        return value
      },
      { name: 'checked' },
    )
    const driver = await open(job('j', dearest, checked, dearest.changes().to(lists)).onError({ callback: 'skip' }))
    await driver.send(products, product('a', 1), product('b', 2), product('c', 3), product('d', 0))
    await driver.send(products, product('d', 13), product('a', 13), product('e', 13))
    expect(keysOf(await driver.view(dearest).get('all'))).toEqual(['1 c', '2 b', '3 a'])
    await driver.send(products, { key: 'c', value: null })
    expect(keysOf(await driver.view(dearest).get('all'))).toEqual(['1 b', '2 a', '3 d'])
    expect(await driver.read(lists)).toHaveLength(4)
  })

  test('are the same after a restart, also without the local state, and continue from there', async () => {
    const driver = await open(job('j', dearest, cheapest), { partitions: 2 })
    await driver.send(products, product('a', 1), product('b', 2), product('c', 3), product('d', 4))
    await driver.stop()
    driver.loseState()
    await driver.start()
    expect(keysOf(await driver.view(dearest).get('all'))).toEqual(['1 d', '2 c', '3 b'])
    await driver.send(products, { key: 'd', value: null })
    expect(keysOf(await driver.view(dearest).get('all'))).toEqual(['1 c', '2 b', '3 a'])
    expect(keysOf(await driver.view(cheapest).get('web'))).toEqual(['1 a', '2 b'])
  })

  test('are read while the job does not run, with the keys of windows, and so are the rows behind them', async () => {
    const world = await JobWorld.open()
    onTestFinished(() => world.close())
    await world.topic('products')
    const { hours, busiest } = perHour()
    const written = ['a', 'b', 'b', 'c'].map((key) => ({ key, value: { shop: 'web', price: 1 }, timestamp: 1 }))
    await world.produce('products', products.value, written)
    await world.runToEnd(job('stopped', hours, busiest))
    const { log, env, stateDirectory } = world
    const [known] = await knownJobs({ log, env }, 'stopped')
    if (known === undefined) throw new Error('the job has not run')
    const entries = async (view: string) => {
      const stopped = await openStoppedView({ job: known, view, log, env, stateDirectory })
      try {
        return (await stopped.view.parts[0]?.store.range({ limit: 10 }))?.entries
      } finally {
        await stopped.close()
      }
    }
    const window = { start: 0, end: 3_600_000 }
    const list = [
      { rank: 1, key: { key: 'b', window }, value: 2 },
      { rank: 2, key: { key: 'a', window }, value: 1 },
    ]
    expect(await entries('busiest')).toMatchObject([{ key: '0', value: list }])
    const behind = ['a', 'b', 'c'].map((key) => ({ key: { key, window }, value: key === 'b' ? 2 : 1 }))
    expect(await entries('busiest.rows')).toMatchObject(behind)
  })

  test('are not continued with another number of rows, nor in another order', async () => {
    const driver = await open(job('j', dearest))
    await driver.send(products, product('a', 1))
    await driver.stop()
    await expect(
      driver.start(
        job(
          'j',
          rows.topN('dearest', 4, ({ price: it }) => it),
        ),
      ),
    ).rejects.toMatchObject({
      code: 'STORE_CHANGED',
      message: expect.stringContaining('rows at the top 3, now 4'),
    })
    const ascending = rows.topN('dearest', 3, ({ price: it }) => it, { order: 'ascending' })
    await expect(driver.start(job('j', ascending))).rejects.toMatchObject({
      code: 'STORE_CHANGED',
      message: expect.stringContaining('order of ranks descending, now ascending'),
    })
  })
})

/** How many records each key has in each hour, and the keys with the most in each hour. */
function perHour() {
  const hours = stream(products).groupByKey().window(tumbling('1h')).count('hours')
  const busiest = hours.groupBy((_, { window }) => `${window.start}`, string()).topN('busiest', 2, (count) => count)
  return { hours, busiest }
}
