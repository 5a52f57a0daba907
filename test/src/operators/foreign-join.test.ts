import { rmSync } from 'node:fs'
import { deadLetter, job, json, stream, string, table, topic } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { openTestDriver } from '@millrace/testing'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { limitMs, trials } from '../crash/extent.ts'
import { Cut, cutLog } from '../runtime/cut-log.ts'
import { JobWorld } from '../runtime/job-world.ts'
import { cutRuns, rowsOf, runCut } from './cut-runs.ts'

/** The number of random inputs. MILLRACE_RANDOM_JOBS sets another. */
const RUNS = Number(process.env['MILLRACE_RANDOM_JOBS'] ?? trials(12))

interface Order {
  readonly customer: string | null
  readonly cents: number
}

interface Customer {
  readonly name: string
}

const orders = topic('orders', { key: string(), value: json<Order>() })
const customers = topic('customers', { key: string(), value: json<Customer>() })
const sums = topic('sums', { key: string(), value: json<number>() })

const present = table(orders, 'present-orders')
const known = table(customers, 'known-customers')
const textOf = (order: Order, customer: Customer | null) => `${order.cents} of ${customer?.name}`
const inner = present.joinBy('inner', known, (order) => order.customer, textOf)
const left = present.leftJoinBy('left', known, (order) => order.customer, textOf)
// What a row was is taken out of the total of its group: so this is right only if every change states what was passed on before.
const perName = present
  .joinBy(
    'names',
    known,
    (order) => order.customer,
    (order, { name }) => ({ name, cents: order.cents }),
  )
  .groupBy(({ name }) => name, string())
  .aggregate('per-name', {
    init: () => 0,
    add: (total, { cents }) => total + cents,
    subtract: (total, { cents }) => total - cents,
    value: json<number>(),
  })
const jobs = { inner, left, 'per-name': perName }

function expectedRows(lefts: ReadonlyMap<string, Order>, rights: ReadonlyMap<string, Customer>) {
  const partner = (order: Order) => (order.customer === null ? undefined : rights.get(order.customer))
  const texts = (kept: (order: Order) => boolean) =>
    new Map(
      [...lefts].filter(([, order]) => kept(order)).map(([key, order]) => [key, textOf(order, partner(order) ?? null)]),
    )
  const totals = new Map<string, number>()
  for (const order of lefts.values()) {
    const name = partner(order)?.name
    if (name !== undefined) totals.set(name, (totals.get(name) ?? 0) + order.cents)
  }
  return { inner: texts((order) => partner(order) !== undefined), left: texts(() => true), 'per-name': totals }
}

const customerKey = fc.integer({ min: 0, max: 5 }).map((number) => `c${number}`)
const change = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      to: fc.constant(orders),
      key: fc.integer({ min: 0, max: 9 }).map((number) => `o${number}`),
      value: fc.option(
        fc.record({ customer: fc.option(customerKey, { freq: 8 }), cents: fc.integer({ min: 0, max: 9 }) }),
      ),
      timestamp: fc.integer({ min: 1000, max: 1200 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      to: fc.constant(customers),
      key: customerKey,
      value: fc.option(fc.record({ name: fc.constantFrom('Ann', 'Bob', 'Eve') })),
      timestamp: fc.integer({ min: 1000, max: 1200 }),
    }),
  },
)
const input = fc.record({
  view: fc.constantFrom('inner', 'left', 'per-name'),
  partitions: fc.record({ orders: fc.integer({ min: 1, max: 3 }), customers: fc.integer({ min: 1, max: 3 }) }),
  changes: fc.array(change, { minLength: 1, maxLength: 200 }),
  runs: cutRuns,
})

test(
  'rows are joined with the rows that they refer to, however both change and wherever the job is cut off',
  async () => {
    await fc.assert(
      fc.asyncProperty(input, async ({ view, partitions, changes, runs }) => {
        const theJob = job(
          'orders-by-customer',
          jobs[view],
          ...(view === 'per-name' ? [perName.changes().to(sums)] : []),
        )
        const world = await JobWorld.open()
        await world.topic('orders', { partitions: partitions.orders })
        await world.topic('customers', { partitions: partitions.customers })
        await world.topic('sums')
        const partition = (key: string, count: number) => partitionOf(Buffer.from(key), 0, key.length, count)
        await runCut(world, theJob, runs, changes.length, async (from, to) => {
          for (const side of [orders, customers] as const) {
            const some = changes.slice(from, to).filter((each) => each.to === side)
            const count = side === orders ? partitions.orders : partitions.customers
            const records = some.map((each) => ({ ...each, partition: partition(each.key, count) }))
            await world.produce<Order | Customer>(side.name, json(), records)
          }
        })
        const lefts = rowsOf<Order>(changes.flatMap((each) => (each.to === orders ? [each as never] : [])))
        const rights = rowsOf<Customer>(changes.flatMap((each) => (each.to === customers ? [each as never] : [])))
        const expected = expectedRows(lefts, rights)
        expect(await world.rows(theJob, view)).toEqual(expected[view])
        // The changes of a table, applied in their order, give the table.
        const found = (await world.read('sums', sums.value)).map(([key, value]) => ({ key: `${key}`, value }))
        expect(rowsOf(found)).toEqual(view === 'per-name' ? expected[view] : new Map())
        await world.close()
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

describe('a table that is joined by another key', () => {
  const order = (key: string, customer: string | null, cents: number) => ({ key, value: { customer, cents } })
  const joined = topic('joined', { key: string(), value: json<string>() })

  test('follows its rows and those that they refer to, each change with the later time of the two', async () => {
    const driver = await openTestDriver(job('j', inner, inner.changes().to(joined)))
    const changes = async () => (await driver.read(joined)).map(({ key, value, timestamp }) => [key, value, timestamp])
    await driver.send(orders, { ...order('1', 'ann', 5), timestamp: 10 }, { ...order('2', null, 6), timestamp: 10 })
    expect(await changes()).toEqual([])
    await driver.send(customers, { key: 'ann', value: { name: 'Ann' }, timestamp: 5 })
    await driver.send(customers, { key: 'ann', value: { name: 'Anna' }, timestamp: 20 })
    await driver.send(orders, { ...order('1', 'ann', 7), timestamp: 15 })
    expect(await changes()).toEqual([
      ['1', '5 of Ann', 10],
      ['1', '5 of Anna', 20],
      ['1', '7 of Anna', 20],
    ])
    await driver.send(customers, { key: 'bob', value: { name: 'Bob' }, timestamp: 1 })
    // It is not away in between.
    await driver.send(orders, { ...order('1', 'bob', 7), timestamp: 30 })
    await driver.send(orders, { key: '1', value: null, timestamp: 40 })
    expect(await changes()).toEqual([
      ['1', '7 of Bob', 30],
      ['1', null, 40],
    ])
    await driver.close()
  })

  test('keeps a row without a partner in a left join, whether it refers to one or not', async () => {
    const driver = await openTestDriver(job('j', left))
    await driver.send(orders, order('1', 'ann', 5), order('2', null, 6))
    expect(await driver.view(left).get('1')).toBe('5 of undefined')
    expect(await driver.view(left).get('2')).toBe('6 of undefined')
    await driver.send(customers, { key: 'ann', value: { name: 'Ann' } })
    await driver.send(orders, order('2', 'ann', 6), order('1', null, 5))
    expect(await driver.view(left).get('1')).toBe('5 of undefined')
    expect(await driver.view(left).get('2')).toBe('6 of Ann')
    await driver.send(customers, { key: 'ann', value: null })
    expect(await driver.view(left).get('2')).toBe('6 of undefined')
    await driver.close()
  })

  test('can refer to rows of the same topic, if one of the two goes through a repartition topic', async () => {
    const people = topic('people', { key: string(), value: json<{ manager: string | null; name: string }>() })
    const managers = stream(people).repartition('by-id').toTable('managers')
    const named = table(people, 'people').joinBy(
      'with-manager',
      managers,
      (person) => person.manager,
      (person, manager) => `${person.name} of ${manager.name}`,
    )
    const driver = await openTestDriver(job('j', named), { partitions: 3 })
    await driver.send(people, { key: '1', value: { manager: '2', name: 'Ann' } })
    await driver.send(people, { key: '2', value: { manager: '2', name: 'Bob' } })
    await driver.send(people, { key: '2', value: { manager: null, name: 'Rob' } })
    expect(await driver.view(named).get('1')).toBe('Ann of Rob')
    expect(await driver.view(named).get('2')).toBeUndefined()
    await driver.close()
    const direct = table(people, 'all')
    expect(() =>
      job(
        'j',
        direct.joinBy(
          'x',
          direct,
          (person) => person.manager,
          ({ name }) => name,
        ),
      ),
    ).toThrow('the records of repartition "x.references" together with the stream that they are computed from')
  })

  test('fails for a reference that is not a key, as an error of the record', async () => {
    const wrong = present.joinBy('wrong', known, (each) => each.cents as unknown as string, textOf)
    const driver = await openTestDriver(job('j', wrong))
    await expect(driver.send(orders, order('1', 'ann', 5))).rejects.toMatchObject({
      code: 'RECORD_UNENCODABLE',
      message: expect.stringContaining('cannot write a key as string'),
    })
    await driver.close()
  })

  test('takes the change of a row to all that refer to it once, in pieces, and continues where a crash has cut it off', async () => {
    const count = 3000
    for (const [point, countdown, loseState] of [
      ['after commit', 1, false],
      ['before commit', 2, true],
      ['after commit', 3, true],
    ] as const) {
      const world = await JobWorld.open()
      for (const name of ['orders', 'customers', 'joined']) await world.topic(name)
      const theJob = job('j', inner, inner.changes().to(joined))
      const rename = (name: string) =>
        world.produce<Customer>('customers', json(), [{ key: 'ann', value: { name }, timestamp: 1000 }])
      await rename('Ann')
      await world.produce<Order>(
        'orders',
        json(),
        Array.from({ length: count }, (_, number) => ({ ...order(`${number}`, 'ann', number), timestamp: 1000 })),
      )
      await world.runToEnd(theJob)
      await rename('Anna')
      const log = cutLog(world.log, point, countdown)
      const outcome = await world.runToEnd(theJob, { log, commitIntervalMs: 1 }).catch((error: unknown) => error)
      expect(outcome).toBeInstanceOf(Cut)
      if (loseState) rmSync(world.stateDirectory, { recursive: true, force: true })
      await world.runToEnd(theJob)
      const values = (await world.read('joined', joined.value)).map(([, value]) => value)
      const ofName = (name: string) => Array.from({ length: count }, (_, number) => `${number} of ${name}`).sort()
      expect(values.slice(0, count).sort()).toEqual(ofName('Ann'))
      expect(values.slice(count).sort()).toEqual(ofName('Anna'))
      await world.close()
    }
  })

  test('lacks a row for which its callback throws, and has it again with the next change', async () => {
    const rows = present.joinBy(
      'rows',
      known,
      (each) => each.customer,
      (each, { name }) => {
        if (name === 'Eve') throw new Error('unlucky')
        return textOf(each, { name })
      },
    )
    const failed = topic('failed', { key: string(), value: json<Order>() })
    const driver = await openTestDriver(job('j', rows).onError({ callback: deadLetter('failed') }))
    await driver.send(customers, { key: 'ann', value: { name: 'Ann' } })
    await driver.send(orders, order('1', 'ann', 5))
    await driver.send(customers, { key: 'ann', value: { name: 'Eve' } })
    expect(await driver.view(rows).get('1')).toBe('5 of Ann')
    expect((await driver.read(failed)).map(({ key, value }) => [key, value])).toEqual([
      ['1', { customer: 'ann', cents: 5 }],
    ])
    await driver.send(customers, { key: 'ann', value: { name: 'Anna' } })
    expect(await driver.view(rows).get('1')).toBe('5 of Anna')
    await driver.close()
  })
})
