import { describe, expect, expectTypeOf, test } from 'vitest'
import { MillraceError } from '../errors/millrace-error.ts'
import { json } from '../serdes/json.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { toTopology } from '../topology/to-topology.ts'
import { globalTable } from './global-table.ts'
import { type Job, job } from './job.ts'
import type { Output } from './output.ts'
import type { JoinedStream, Stream } from './stream.ts'
import { stream } from './stream-of.ts'
import { table } from './table-of.ts'
import { topic } from './topic.ts'
import { tumbling } from './windows.ts'

interface Order {
  readonly customer: string
  readonly cents: number
}

const orders = stream(topic('orders', { key: string(), value: json<Order>() }))
const payments = stream(topic('payments', { key: string(), value: int32() }))
const customers = table(topic('customers', { key: string(), value: json<{ city: string }>() }), 'customers')
const out = topic('out', { key: string(), value: json<unknown>() })
const within = { within: '1h' } as const

describe('the types of joins', () => {
  test('give the callback what each side has, and null where a partner may be missing', () => {
    const inner = orders.join(
      'paid',
      payments,
      (order, cents, key) => {
        expectTypeOf(order).toEqualTypeOf<Order>()
        expectTypeOf(cents).toEqualTypeOf<number>()
        expectTypeOf(key).toEqualTypeOf<string>()
        return { ...order, paid: cents }
      },
      within,
    )
    expectTypeOf(inner).toExtend<JoinedStream<string, { paid: number; customer: string }, Order, number>>()
    expectTypeOf(inner.lateLeft()).toEqualTypeOf<Stream<string, Order>>()
    expectTypeOf(inner.lateRight()).toEqualTypeOf<Stream<string, number>>()
    const left = orders.leftJoin('paid', payments, (order, cents) => [order.cents, cents] as const, within)
    expectTypeOf(left).toExtend<Stream<string, readonly [number, number | null]>>()
    const outer = orders.outerJoin('paid', payments, (order, cents) => [order, cents] as const, within)
    expectTypeOf(outer).toExtend<Stream<string, readonly [Order | null, number | null]>>()
  })

  test('do the same for tables', () => {
    const inner = orders.join('cities', customers, (order, customer) => `${order.cents} ${customer.city}`)
    expectTypeOf(inner).toEqualTypeOf<Stream<string, string>>()
    const left = orders.leftJoin('cities', customers, (_, customer) => customer)
    expectTypeOf(left).toEqualTypeOf<Stream<string, { city: string } | null>>()
    const asOf = orders.leftJoin('cities', customers, (_, customer) => customer, { asOf: {} })
    expectTypeOf(asOf.lateLeft()).toEqualTypeOf<Stream<string, Order>>()
    expectTypeOf(asOf.lateRight()).toEqualTypeOf<Stream<string, { city: string }>>()
  })

  test('take the key of a global table from a callback, for records of any key and of none', () => {
    const shops = globalTable(topic('shops', { key: int32(), value: json<{ city: string }>() }))
    const keyless = stream(topic('readings', { value: json<Order>() }))
    const inner = keyless.join(
      'city',
      shops,
      (order, key) => {
        expectTypeOf(key).toEqualTypeOf<null>()
        return order.cents
      },
      (order, shop) => `${order.customer} ${shop.city}`,
    )
    expectTypeOf(inner).toEqualTypeOf<Stream<null, string>>()
    const left = orders.leftJoin(
      'city',
      shops,
      () => null,
      (_, shop) => shop,
    )
    expectTypeOf(left).toEqualTypeOf<Stream<string, { city: string } | null>>()
    orders.join(
      'city',
      // @ts-expect-error: the keys of the table are numbers
      shops,
      (order) => order.customer,
      (_, shop) => shop,
    )
    // @ts-expect-error: the records have no keys
    globalTable(topic('readings', { value: json<Order>() }))
  })

  test('reject keys of different types, records without keys, and a join of streams without a time', () => {
    const byCents = orders.keyBy((order) => order.cents)
    // @ts-expect-error: the keys are numbers and strings
    byCents.join('a', payments, (order) => order, within)
    // @ts-expect-error: the keys are numbers and strings
    byCents.join('a', customers, (order) => order)
    const keyless = stream(topic('readings', { value: json<Order>() }))
    // @ts-expect-error: the records may have no key
    keyless.join('a', payments, (order) => order, within)
    // @ts-expect-error: how near the records must be is missing
    orders.join('a', payments, (order) => order)
    // @ts-expect-error: an order has no such field
    orders.join('a', payments, (order) => order.city, within)
  })
})

function problemsOf(make: () => Stream<string, unknown>): string {
  try {
    job('j', make().to(out))
  } catch (error) {
    if (error instanceof MillraceError) return error.message
    throw error
  }
  return ''
}

describe('a join', () => {
  const keep = (order: Order) => order

  test('reads both streams in one task, through repartition topics where keys were changed or are written in another way', () => {
    const inputsOf = (made: Job) => toTopology(made).subtopologies.map(({ inputs }) => inputs.map(({ topic }) => topic))
    const joined = (left: Stream<string, Order>, right: Stream<string, number>): Output =>
      left.join('paid', right, keep, within).to(out)
    expect(inputsOf(job('j', joined(orders, payments)))).toEqual([['orders', 'payments']])
    const moved = orders.keyBy(({ customer }) => customer, string())
    expect(inputsOf(job('j', joined(moved, payments)))).toEqual([['orders'], ['j.paid.left.repartition', 'payments']])
    const asJson = stream(topic('payments', { key: json<string>(), value: int32() }))
    expect(inputsOf(job('j', joined(orders, asJson)))).toEqual([['payments'], ['j.paid.right.repartition', 'orders']])
  })

  test('keeps each side in a store for as long as a partner may come', () => {
    const joined = orders.join('paid', payments, keep, { within: { before: 1, after: 20 }, grace: 300 })
    const left = orders.leftJoin('left', payments, keep, { within: { before: 1, after: 20 }, grace: 300 })
    const stores = toTopology(job('j', joined.to(out), left.to(out))).subtopologies.flatMap((each) => each.stores)
    expect(stores.map(({ name, retentionMs }) => [name, retentionMs])).toEqual([
      ['paid.left', 320],
      ['paid.right', 301],
      ['left.left', 320],
      ['left.right', 321],
    ])
  })

  test('with a table needs a store only if the table has none', () => {
    const storesOf = (made: Stream<string, unknown>) =>
      toTopology(job('j', made.to(out))).subtopologies.flatMap(({ stores }) => stores.map(({ name }) => name))
    expect(storesOf(orders.join('cities', customers, keep))).toEqual(['customers'])
    const inZurich = customers.filter(({ city }) => city === 'Zurich')
    expect(storesOf(orders.join('cities', inZurich, keep))).toEqual(['customers', 'cities'])
  })

  test.each([
    ['no duration', { within: 'soon' as '1h' }, 'Step join "paid" cannot join these streams: within must be'],
    ['nothing', {} as { within: '1h' }, 'within must be'],
    ['a negative time', { within: -1 }, 'within must be'],
    ['a grace that is not a duration', { within: '1h', grace: Number.NaN } as const, 'grace must be'],
  ])('within %s is refused', (_what, options, problem) => {
    expect(problemsOf(() => orders.join('paid', payments, keep, options))).toContain(problem)
  })

  test('as of the time of each record keeps what is not complete, and reads the records that a table is made from', () => {
    const joined = orders.join('cities', customers, keep, { asOf: { grace: 10 } })
    const [subtopology] = toTopology(job('j', joined.to(out))).subtopologies
    expect(subtopology?.stores.map(({ name, retentionMs }) => [name, retentionMs])).toEqual([
      ['cities.rows', undefined],
      ['cities.changes', 10],
      ['cities.records', 10],
    ])
    expect(problemsOf(() => orders.join('cities', customers, keep, { asOf: { grace: -1 } }))).toContain('grace must be')
  })

  test('with a table of windows is refused', () => {
    const windows = payments.groupByKey().window(tumbling('1h')).count('hours') as unknown as typeof customers
    expect(problemsOf(() => orders.join('paid', windows, keep))).toContain(
      'Step join "paid" joins a stream with a table of windows',
    )
  })

  test('with something else is refused', () => {
    const join = () => orders.join('paid', out as unknown as typeof customers, keep)
    expect(join).toThrow('Step join "paid" joins a stream with a stream or a table')
  })
})
