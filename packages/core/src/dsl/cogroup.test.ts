import { describe, expect, expectTypeOf, test } from 'vitest'
import { describe as describeJob, job, json, msgpack, stream, string, type Table, topic } from '../index.ts'
import { cogroup } from './cogroup.ts'

interface Order {
  readonly customer: string
  readonly cents: number
}

const orders = stream(topic('orders', { key: string(), value: json<Order>() }))
const visits = stream(topic('visits', { key: string(), value: json<{ readonly page: string }>() }))
const start = cogroup('customers', { init: () => ({ cents: 0, pages: 0 }) })

describe('a cogroup', () => {
  test('is a table of the total, whose callbacks know their streams', () => {
    const withOrders = start.add('orders', orders.groupByKey(), (total, order, key, context) => {
      expectTypeOf(order).toEqualTypeOf<Order>()
      expectTypeOf(key).toEqualTypeOf<string>()
      expectTypeOf(context.timestamp).toEqualTypeOf<number>()
      return { ...total, cents: total.cents + order.cents }
    })
    const both = withOrders.add('visits', visits.groupByKey(), (total, visit) => {
      expectTypeOf(visit.page).toEqualTypeOf<string>()
      return { ...total, pages: total.pages + 1 }
    })
    expectTypeOf(both).toExtend<Table<string, { cents: number; pages: number }>>()
    expect(() => job('j', both, both.changes().to(topic('out', { key: string(), value: json() })))).not.toThrow()
  })

  test('does not compile for other totals, or other keys', () => {
    // @ts-expect-error: the total is of another type
    start.add('orders', orders.groupByKey(), () => 'none')
    const table = start.add('orders', orders.groupByKey(), (total) => total)
    const byCents = orders.groupBy((order) => order.cents)
    // @ts-expect-error: the keys are numbers
    expect(table.add('cents', byCents, (total) => total)).toBeDefined()
    // @ts-expect-error: a stream must be added first
    expect(() => job('j', start)).toThrow(/Output 1 is neither/)
  })

  test('leaves the table as it is to which a stream is added', () => {
    const one = start.add('orders', orders.groupByKey(), (total) => total)
    one.add('visits', visits.groupByKey(), (total) => total)
    expect(describeJob(job('j', one))).not.toContain('visits')
  })

  test('sends streams whose keys were chosen through a repartition topic for each part', () => {
    const byCustomer = orders.groupBy((order) => order.customer, string())
    const table = start
      .add('orders', byCustomer, (total) => total)
      .add('visits', visits.groupByKey(), (total) => total)
      .add('again', byCustomer, (total) => total)
    const text = describeJob(job('j', table))
    expect(text).toContain('repartition topic j.customers.orders.repartition (string → json)')
    expect(text).toContain('repartition topic j.customers.again.repartition (string → json)')
    expect(text).not.toContain('customers.visits')
    expect(text).toContain('cogroup "customers"  [view customers: string → json]')
  })

  test('refuses keys that are written in different ways, and two parts of one name that need a topic', () => {
    const packed = stream(topic('packed', { key: msgpack<string>(), value: json<Order>() }))
    const mixed = start
      .add('orders', orders.groupByKey(), (total) => total)
      .add('packed', packed.groupByKey(), (total) => total)
    expect(() => job('j', mixed)).toThrow(
      'Step cogroup "customers" has streams whose keys are written in different ways: string, msgpack. Equal keys would not ' +
        'meet. Give all streams the same key serde',
    )
    const byCustomer = orders.groupBy((order) => order.customer, string())
    const twice = start.add('orders', byCustomer, (total) => total).add('orders', byCustomer, (total) => total)
    expect(() => job('j', twice)).toThrow(/Repartition topic customers.orders has 2 steps/)
  })
})
