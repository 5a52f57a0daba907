import { type Batch, type Log, openTopicWriter } from '@millrace/core'
import { partitionOf } from '@millrace/core/internal'
import { type Order, orders, PARTITIONS } from './crash-job.ts'

const CUSTOMERS = ['ada', 'ben', 'cleo', 'dan', 'eve', 'finn']
const PRODUCTS = ['apples', 'bread', 'cheese', 'dates', 'eggs']

/** The n-th order. It is the same each time. */
function order(number: number): Order {
  return {
    number,
    customer: CUSTOMERS[(number * 5 + (number >> 3)) % CUSTOMERS.length] ?? '',
    product: PRODUCTS[(number * 3 + (number >> 2)) % PRODUCTS.length] ?? '',
    cents: 100 + ((number * 37) % 900),
  }
}

export function firstOrders(count: number): Order[] {
  return Array.from({ length: count }, (_, number) => order(number))
}

/** The partition of a customer's orders. */
function homeOf(customer: string): number {
  const key = Buffer.from(customer)
  return partitionOf(key, 0, key.length, PARTITIONS)
}

/** The orders of one partition that are among the first `count`, in order. */
export function ordersOf(partition: number, count: number): Order[] {
  return firstOrders(count).filter(({ customer }) => homeOf(customer) === partition)
}

/**
 * Appends those of the first `count` orders that are missing, however many a killed process had appended. They are durable
 * when it returns.
 */
export async function appendOrders(log: Log, count: number): Promise<void> {
  const writer = await openTopicWriter(log, orders)
  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { end } = await log.admin.offsets(orders.name, partition)
    for (const missing of ordersOf(partition, count).slice(end)) {
      writer.send({ key: missing.customer, value: missing, timestamp: timeOf(missing) })
    }
  }
  await writer.close()
}

/** The number of orders in all partitions. */
export async function countOrders(log: Log): Promise<number> {
  let count = 0
  for (let partition = 0; partition < PARTITIONS; partition++) {
    count += (await log.admin.offsets(orders.name, partition)).end
  }
  return count
}

/** Event time: the second of the order. */
function timeOf({ number }: Order): number {
  return 1_700_000_000_000 + number * 1000
}

/** Calls `each` with every committed record of a topic, partition by partition, in order. */
export async function readRecords(
  log: Log,
  topic: string,
  each: (record: Batch, partition: number) => void,
): Promise<void> {
  const reader = log.openReader()
  try {
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const from = await reader.assign(topic, partition, 0)
      const { end } = await log.admin.offsets(topic, partition)
      while (from.position < end) {
        const batch = from.poll()
        if (batch === undefined) await reader.wait(100)
        else while (batch.next()) each(batch, partition)
      }
      from.close()
    }
  } finally {
    await reader.close()
  }
}
