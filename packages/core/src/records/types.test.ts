import { expectTypeOf, test } from 'vitest'
import type { Log } from '../contracts/log.ts'
import { topic } from '../dsl/topic.ts'
import { json } from '../serdes/json.ts'
import { string } from '../serdes/string.ts'
import type { NewRecord } from './new-record.ts'
import { readTopic } from './read-topic.ts'
import type { TopicWriter } from './topic-writer.ts'
import type { Transactions } from './transactions.ts'

interface Order {
  readonly cents: number
}

const orders = topic('orders', { key: string(), value: json<Order>() })
const lines = topic('lines', { value: string() })

// Every line below is checked by the compiler; no function is called.
export async function write(
  writer: TopicWriter<string, Order>,
  keyless: TopicWriter<null, string>,
  log: Log,
  till: Transactions,
) {
  writer.send({ key: 'ann', value: { cents: 1 }, timestamp: 5, headers: [['till', null]], partition: 0 })
  writer.send({ key: 'ann', value: null })
  // @ts-expect-error: an order has cents
  writer.send({ key: 'ann', value: { euros: 1 } })
  // @ts-expect-error: keys are strings
  writer.send({ key: 5, value: { cents: 1 } })
  // @ts-expect-error: the topic has keys
  writer.send({ value: { cents: 1 } })
  // @ts-expect-error: a record states a value, or null
  writer.send({ key: 'ann' })
  // @ts-expect-error: keys are strings
  writer.partitionOf(5)
  // @ts-expect-error: one of the values is not an order
  await writer.sendAll([
    { key: 'ann', value: { cents: 1 } },
    { key: 'bob', value: 5 },
  ])
  keyless.send({ value: 'text' })
  // @ts-expect-error: the topic has no keys
  keyless.send({ key: 'ann', value: 'text' })
  expectTypeOf(await till.writer(orders)).toEqualTypeOf<TopicWriter<string, Order>>()
  for await (const { key, value } of readTopic(log, orders)) {
    expectTypeOf(key).toEqualTypeOf<string>()
    expectTypeOf(value).toEqualTypeOf<Order | null>()
  }
  for await (const { key } of readTopic(log, lines)) expectTypeOf(key).toEqualTypeOf<null>()
}

test('a record to be sent has the types of its topic', () => {
  expectTypeOf<NewRecord<string, Order>['key']>().toEqualTypeOf<string>()
  expectTypeOf<NewRecord<string, Order>['value']>().toEqualTypeOf<Order | null>()
  expectTypeOf<NewRecord<null, string>['key']>().toEqualTypeOf<null | undefined>()
})
