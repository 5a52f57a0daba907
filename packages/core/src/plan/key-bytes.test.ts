import { expect, test } from 'vitest'
import { PLAN } from '../dsl/plan-value.ts'
import { stream } from '../dsl/stream-of.ts'
import { topic } from '../dsl/topic.ts'
import { tumbling } from '../dsl/windows.ts'
import { json } from '../serdes/json.ts'
import { int64 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { keepsKeyBytes } from './key-bytes.ts'

interface Order {
  readonly customer: string
}

const orders = stream(topic('orders', { key: string(), value: json<Order>() }))

function keeps(records: { readonly [PLAN]: { readonly node: Parameters<typeof keepsKeyBytes>[0] } }, key = string()) {
  return keepsKeyBytes(records[PLAN].node, key as Parameters<typeof keepsKeyBytes>[1])
}

test('a record whose key stays is written with the key bytes that it was read with', () => {
  expect(keeps(orders.filter(({ customer }) => customer !== ''))).toBe(true)
  expect(keeps(orders.keyBy(({ customer }) => customer, string()))).toBe(false)
})

test('a key is encoded again for a topic with another serde', () => {
  expect(keepsKeyBytes(orders[PLAN].node, int64() as Parameters<typeof keepsKeyBytes>[1])).toBe(false)
})

test('a row is written with the key bytes of the record that changes it', () => {
  const counts = orders.groupByKey().count('counts')
  expect(keeps(counts.changes())).toBe(true)
  expect(keeps(counts.filter((count) => count > 1).changes())).toBe(true)
  expect(keeps(orders.toTable('latest').changes())).toBe(true)
})

test('a row of a group is written with the key bytes of its repartition topic', () => {
  const counts = orders.groupBy(({ customer }) => customer, string()).count('counts')
  expect(keeps(counts.changes())).toBe(true)
})

test('a row of a window is written under the key and the window', () => {
  const counts = orders.groupByKey().window(tumbling('1h')).count('counts')
  expect(keeps(counts.changes() as never)).toBe(false)
})

test('a row whose key is an object has the bytes that its serde gives the key', () => {
  // {"a":1,"b":2} and {"b":2,"a":1} are one key.
  const key = json<Order>()
  const byObject = stream(topic('orders', { key, value: json<Order>() }))
  for (const rows of [byObject.groupByKey().count('counts'), byObject.toTable('latest')]) {
    expect(keepsKeyBytes(rows.changes()[PLAN].node, key as Parameters<typeof keepsKeyBytes>[1])).toBe(false)
  }
})
