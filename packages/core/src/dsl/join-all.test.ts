import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  describe as describeJob,
  int32,
  job,
  joinAll,
  json,
  msgpack,
  type RecordOfEach,
  type Stream,
  stream,
  string,
  topic,
} from '../index.ts'
import { jobMeaning } from '../topology/job-meaning.ts'
import { toTopology } from '../topology/to-topology.ts'

interface Order {
  readonly customer: string
  readonly cents: number
}

const orders = stream(topic('orders', { key: string(), value: json<Order>() }))
const payments = stream(topic('payments', { key: string(), value: int32() }))
const parcels = stream(topic('parcels', { key: string(), value: string() }))
const out = topic('out', { key: string(), value: json<unknown>() })
const within = { within: '1h' } as const
const done = joinAll('done', { orders, payments, parcels }, within)

describe('a join of several streams', () => {
  test('gives a record of each stream by its name, and the late records of each', () => {
    expectTypeOf(done.mapValues((each) => each)).toEqualTypeOf<
      Stream<string, { readonly orders: Order; readonly payments: number; readonly parcels: string }>
    >()
    done.filter(({ orders: order, payments: cents }, key) => {
      expectTypeOf(key).toEqualTypeOf<string>()
      return order.cents === cents
    })
    expectTypeOf(done.late('orders')).toEqualTypeOf<Stream<string, Order>>()
    expectTypeOf(done.late('payments')).toEqualTypeOf<Stream<string, number>>()
    // @ts-expect-error: not one of the streams
    expect(() => done.late('returns')).toThrow(
      expect.objectContaining({
        code: 'JOB_INVALID',
        message: 'Step joinAll "done" has no stream "returns". It has orders, parcels, payments',
      }),
    )
    const value = json<RecordOfEach<{ a: typeof orders; b: typeof payments }>>()
    expect(joinAll('pairs', { a: orders, b: payments }, { within: 5, grace: 1, value })).toBeDefined()
  })

  test('does not compile for keys of different types, records without keys, other streams, and without a time', () => {
    const byCents = orders.keyBy((order) => order.cents)
    // @ts-expect-error: the keys are numbers and strings
    joinAll('a', { byCents, payments }, within)
    const keyless = stream(topic('readings', { value: int32() }))
    // @ts-expect-error: the records have no keys
    joinAll('a', { keyless, payments }, within)
    // @ts-expect-error: the records have no keys
    joinAll('a', { keyless, other: keyless }, within)
    // @ts-expect-error: a table is not a stream
    expect(() => joinAll('a', { orders, payments: payments.toTable('latest').every('calm', 1).join }, within)).toThrow()
    // @ts-expect-error: how near the records must be is missing
    joinAll('a', { orders, payments }, {})
    // @ts-expect-error: the time has one length for all directions
    joinAll('a', { orders, payments }, { within: { before: '1h' } })
  })

  test('reads all streams in one task, through repartition topics where keys were changed or are written in another way', () => {
    const moved = orders.keyBy(({ customer }) => customer, string())
    const written = stream(topic('parcels', { key: msgpack<string>(), value: string() }))
    const joined = joinAll('done', { orders: moved, payments, written }, within)
    expect(
      toTopology(job('j', joined.to(out))).subtopologies.map(({ inputs }) => inputs.map(({ topic: name }) => name)),
    ).toEqual([['orders'], ['parcels'], ['j.done.orders.repartition', 'j.done.written.repartition', 'payments']])
    expect(describeJob(job('j', done.to(out)))).toContain(
      'joinAll "done"  [store done.orders: string → json kept 1h]  [store done.parcels: string → string kept 1h]',
    )
  })

  test('keeps the records of each stream for as long as others may come that are near', () => {
    const joined = joinAll('done', { orders, payments, parcels }, { within: 20, grace: 300 })
    const { stores } = toTopology(job('j', joined.to(out))).subtopologies[0] ?? expect.fail()
    expect(stores.map(({ name, retentionMs }) => [name, retentionMs])).toEqual([
      ['done.orders', 320],
      ['done.parcels', 320],
      ['done.payments', 320],
    ])
  })

  test.each([
    ['no duration', { within: 'soon' as '1h' }, 'Step joinAll "done" cannot join these streams: within must be'],
    ['nothing', {} as { within: '1h' }, 'within must be'],
    ['a negative time', { within: -1 }, 'within must be'],
    ['two times', { within: { before: 1, after: 2 } as unknown as number }, 'within must be'],
    ['a grace that is not a duration', { within: '1h', grace: 0.5 } as const, 'grace must be'],
  ])('within %s is refused', (_what, options, problem) => {
    const joined = joinAll('done', { orders, payments, parcels }, options)
    expect(() => job('j', joined.to(out))).toThrow(problem)
  })

  test('of one stream or none is refused', () => {
    const one = joinAll('done', { orders }, within)
    expect(() => job('j', one.to(out))).toThrow(
      'Step joinAll "done" cannot join these streams: it has one stream. Name at least two',
    )
    expect(() => job('j', joinAll('done', {}, within).to(out as never))).toThrow('it has none. Name at least two')
  })

  test('means the same in whatever order its streams are named, and other stores with other times', () => {
    const meaningOf = (joined: Stream<string, unknown>) => jobMeaning(toTopology(job('j', joined.to(out)))).stores
    const stores = meaningOf(done)
    expect(stores['done.payments']).toMatchObject({
      step: 'joinAll',
      shape: 'instant',
      timed: true,
      beforeMs: 3_600_000,
      afterMs: 3_600_000,
      graceMs: 0,
      times: 'record',
      inputs: ['orders: topic orders', 'parcels: topic parcels', 'payments: topic payments'],
    })
    expect(meaningOf(joinAll('done', { parcels, payments, orders }, within))).toEqual(stores)
    expect(meaningOf(joinAll('done', { orders, payments, parcels }, { within: '2h' }))).not.toEqual(stores)
    expect(meaningOf(joinAll('done', { orders, payments, parcels }, { ...within, grace: 1 }))).not.toEqual(stores)
  })
})
