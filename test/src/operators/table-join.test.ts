import { job, json, stream, string, type Table, table, topic, tumbling } from '@millrace/core'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { JobWorld } from '../runtime/job-world.ts'
import { cutRuns, rowsOf, runCut } from './cut-runs.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(15))

const prices = topic('prices', { key: string(), value: json<number>() })
const stock = topic('stock', { key: string(), value: json<number>() })
const joined = topic('joined', { key: string(), value: json<string>() })

const text = (left: number | null, right: number | null) => `${left}/${right}`
const even = (value: number) => value % 2 === 0

const left = table(prices, 'left')
const right = table(stock, 'right')
const inner = left.join('inner', right, text)
const leftJoined = left.leftJoin('left-joined', right, text)
const outer = left.outerJoin('outer', right, text)
// Both sides change at once, and neither of them has a store.
const diamond = left.filter(even).outerJoin(
  'diamond',
  left.mapValues((value) => value * 10),
  text,
)
const itself = left.join('itself', left, text)
// The result of a join as a side of the next one, and rows that a callback leaves out.
const chain = leftJoined.join('chain', diamond, (one, other, key) => (key === 'k1' ? null : `${one} ${other}`))
const all = job('joins', inner, leftJoined, outer, diamond, itself, chain, chain.changes().to(joined))

/** The rows of all tables, from those of the two inputs. */
function expectedRows(lefts: ReadonlyMap<string, number>, rights: ReadonlyMap<string, number>) {
  const rows = (fn: (left: number | null, right: number | null, key: string) => string | null) => {
    const keys = [...new Set([...lefts.keys(), ...rights.keys()])]
    return new Map(
      keys.flatMap((key) => {
        const row = fn(lefts.get(key) ?? null, rights.get(key) ?? null, key)
        return row === null ? [] : [[key, row] as const]
      }),
    )
  }
  const ofDiamond = (value: number) => text(even(value) ? value : null, value * 10)
  return {
    left: lefts,
    right: rights,
    inner: rows((one, other) => (one === null || other === null ? null : text(one, other))),
    'left-joined': rows((one, other) => (one === null ? null : text(one, other))),
    outer: rows(text),
    diamond: rows((one) => (one === null ? null : ofDiamond(one))),
    itself: rows((one) => (one === null ? null : text(one, one))),
    chain: rows((one, other, key) => (one === null || key === 'k1' ? null : `${text(one, other)} ${ofDiamond(one)}`)),
  }
}

const input = fc.record({
  partitions: fc.integer({ min: 1, max: 3 }),
  records: fc.array(
    fc.record({
      side: fc.constantFrom(prices, stock),
      key: fc.integer({ min: 0, max: 7 }),
      value: fc.option(fc.integer({ min: 0, max: 9 })),
      timestamp: fc.integer({ min: 1000, max: 1200 }),
    }),
    { minLength: 1, maxLength: 300 },
  ),
  runs: cutRuns,
})

test(
  'joined tables hold what their rows come to by hand, however the rows change and wherever the job is cut off',
  async () => {
    await fc.assert(
      fc.asyncProperty(input, async ({ partitions, records, runs }) => {
        const world = await JobWorld.open()
        for (const name of ['prices', 'stock', 'joined']) await world.topic(name, { partitions })
        const written = records.map((each) => ({ ...each, key: `k${each.key}`, partition: each.key % partitions }))
        await runCut(world, all, runs, written.length, async (from, to) => {
          const some = written.slice(from, to)
          for (const side of [prices, stock]) {
            const ofSide = some.filter((each) => each.side === side)
            await world.produce(side.name, side.value, ofSide)
          }
        })
        const ofSide = (side: typeof prices) => rowsOf(written.filter((each) => each.side === side))
        const expected = expectedRows(ofSide(prices), ofSide(stock))
        expect(Object.fromEntries(await world.allRows(all))).toEqual(
          Object.fromEntries(Object.entries(expected).filter(([name]) => name !== 'left' && name !== 'right')),
        )
        // The changes of a table, applied in their order, give the table.
        const changes = await Promise.all(
          Array.from({ length: partitions }, (_, partition) => world.read('joined', joined.value, partition)),
        )
        expect(rowsOf(changes.flat().map(([key, value]) => ({ key: `${key}`, value })))).toEqual(expected.chain)
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

describe('a joined table', () => {
  const changesOf = (rows: Table<string, string>) => job('j', rows, rows.changes().to(joined))

  test('passes on each change with the later time of its two sides, and nothing for a row that it does not have', async () => {
    const driver = await openTestDriver(changesOf(inner))
    await driver.send(prices, { key: 'a', value: 1, timestamp: 100 }, { key: 'b', value: 1, timestamp: 100 })
    await driver.send(prices, { key: 'b', value: null, timestamp: 110 }, { key: 'c', value: null, timestamp: 110 })
    expect(await driver.read(joined)).toEqual([])
    await driver.send(stock, { key: 'a', value: 2, timestamp: 50 })
    await driver.send(stock, { key: 'a', value: 3, timestamp: 300 })
    await driver.send(prices, { key: 'a', value: null, timestamp: 200 })
    await driver.send(prices, { key: 'a', value: 4, timestamp: 40 })
    await driver.send(stock, { key: 'a', value: 5, timestamp: 30 })
    const found = (await driver.read(joined)).map(({ key, value, timestamp }) => [key, value, timestamp])
    expect(found).toEqual([
      ['a', '1/2', 100],
      ['a', '1/3', 300],
      ['a', null, 300],
      ['a', '4/3', 300],
      ['a', '4/5', 40],
    ])
    await driver.close()
  })

  test('of tables that change together passes on one change for each, and holds what both come to', async () => {
    const driver = await openTestDriver(changesOf(itself))
    await driver.send(prices, { key: 'a', value: 1 })
    await driver.send(prices, { key: 'a', value: 2 })
    await driver.send(prices, { key: 'a', value: null })
    expect((await driver.read(joined)).map(({ value }) => value)).toEqual(['1/1', '2/1', '2/2', null])
    await driver.close()
  })

  test('keeps a window as long as either side keeps it, and then deletes it', async () => {
    const counted = (name: string, retention: '1h' | '2h') =>
      stream(prices).groupByKey().window(tumbling('1h', { retention })).count(name)
    const rows = counted('short', '1h').join('windows', counted('long', '2h'), (a, b, { window }) => [
      window.start,
      a,
      b,
    ])
    const driver = await openTestDriver(job('j', rows))
    const hour = 3_600_000
    await driver.send(prices, { key: 'a', value: 1, timestamp: 1 }, { key: 'a', value: 1, timestamp: 2 })
    await driver.send(prices, { key: 'a', value: 1, timestamp: 2.5 * hour })
    expect(await driver.view(rows).get('a', 0)).toEqual([0, 2, 2])
    await driver.send(prices, { key: 'a', value: 1, timestamp: 3 * hour })
    await driver.send(prices, { key: 'a', value: 1, timestamp: 3 * hour + 1 })
    expect(await driver.view(rows).get('a', 0)).toBeUndefined()
    expect(await driver.view(rows).get('a', 3 * hour)).toEqual([3 * hour, 2, 2])
    await driver.close()
  })

  test('is as it was before a record for which its callback throws, and so are its sides', async () => {
    const rows = left.leftJoin('rows', right, (one, other) => {
      if (other === 13) throw new Error('unlucky')
      return text(one, other)
    })
    const driver = await openTestDriver(job('j', rows, right).onError({ callback: 'skip' }))
    await driver.send(prices, { key: 'a', value: 1 })
    await driver.send(stock, { key: 'a', value: 2 })
    await driver.send(stock, { key: 'a', value: 13 })
    expect(await driver.view(rows).get('a')).toBe('1/2')
    expect(await driver.view(right).get('a')).toBe(2)
    await driver.send(prices, { key: 'a', value: 3 })
    expect(await driver.view(rows).get('a')).toBe('3/2')
    await driver.close()
  })

  test('rejects a value that it cannot keep as a side, as an error of the record', async () => {
    const rows = left.mapValues((value) => 1 / value).join('rows', right, text)
    const driver = await openTestDriver(job('j', rows))
    await expect(driver.send(prices, { key: 'a', value: 0 })).rejects.toMatchObject({
      code: 'RECORD_UNENCODABLE',
      message: expect.stringContaining('join "rows" cannot store the value of key "a" as json'),
    })
    await driver.close()
  })

  test('is not continued as the join of the same tables with their sides exchanged', async () => {
    const driver = await openTestDriver(job('j', left.leftJoin('rows', right, text)))
    await driver.send(prices, { key: 'a', value: 1 })
    await driver.stop()
    await expect(driver.start(job('j', right.leftJoin('rows', left, text)))).rejects.toMatchObject({
      code: 'STORE_CHANGED',
      message: expect.stringContaining(
        'left: store left and right: store right, now left: store right and right: store left',
      ),
    })
    await driver.close()
  })
})

test('what a total was is not lost when its callback changes it in place: tables that are computed from it compare both', async () => {
  const totals = stream(prices)
    .groupByKey()
    .aggregate('totals', {
      init: () => ({ sum: 0 }),
      add: (total, value) => {
        total.sum += value
        return total
      },
    })
  const small = totals.filter(({ sum }) => sum < 10, { name: 'small' })
  const both = totals.join('both', small, (total, other) => [total.sum, other.sum])
  const driver = await openTestDriver(job('j', small, both))
  await driver.send(prices, { key: 'a', value: 9 })
  expect(await driver.view(both).get('a')).toEqual([9, 9])
  await driver.send(prices, { key: 'a', value: 9 })
  expect(await driver.view(small).get('a')).toBeUndefined()
  expect(await driver.view(both).get('a')).toBeUndefined()
  await driver.close()
})
