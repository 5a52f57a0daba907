import { job, json, type Log, stream, string, type TopicSettings, topic } from '@millrace/core'

/** What a customer bought. Orders get consecutive numbers, so that every record can be distinguished from every other. */
export interface Order {
  readonly number: number
  readonly customer: string
  readonly product: string
  readonly cents: number
}

/** The sum of what was bought so far. */
export interface Total {
  readonly orders: number
  readonly cents: number
}

export const orders = topic('orders', { key: string(), value: json<Order>() })
const receipts = topic('receipts', { key: string(), value: string() })
const customerTotals = topic('customer-totals', { key: string(), value: json<Total>() })
const productTotals = topic('product-totals', { key: string(), value: json<Total>() })

const running = {
  init: (): Total => ({ orders: 0, cents: 0 }),
  add: (total: Total, order: Order): Total => ({ orders: total.orders + 1, cents: total.cents + order.cents }),
  value: json<Total>(),
}

/** Stateless: one receipt an order. */
const printed = stream(orders).mapValues(receiptOf, string()).to(receipts)
/** Stateful, in the partitions of the orders. */
const byCustomer = stream(orders).groupByKey().aggregate('by-customer', running)
/** Stateful behind a repartition topic: a second subtopology, with its own tasks. */
const byProduct = stream(orders)
  .groupBy((order) => order.product, string())
  .aggregate('by-product', running)

/** One step of each kind whose crash matters, small enough to be run hundreds of times. */
export const crashJob = job(
  'crash',
  printed,
  byCustomer,
  byCustomer.changes().to(customerTotals),
  byProduct,
  byProduct.changes().to(productTotals),
)

export function receiptOf(order: Order): string {
  return `${order.number}: ${order.product} for ${order.cents}`
}

export const PARTITIONS = 2

/** Segments hold a few batches each, so that the runs also begin new ones, compact and purge. */
const SMALL_SEGMENTS = { partitions: PARTITIONS, segmentBytes: 3000 }

/** Every topic that the job uses. Its internal topics are included: otherwise their segments would never fill. */
const TOPICS: Readonly<Record<string, Partial<TopicSettings>>> = {
  // One round fills a segment of partition 1 on a machine of any speed. So there is a closed segment, which has an index.
  orders: { partitions: PARTITIONS, segmentBytes: 1024 },
  receipts: SMALL_SEGMENTS,
  'customer-totals': SMALL_SEGMENTS,
  'product-totals': SMALL_SEGMENTS,
  'crash.by-product.repartition': SMALL_SEGMENTS,
  'crash.changelog': { ...SMALL_SEGMENTS, cleanup: 'compact' },
}

/** Creates the topics that are missing: an earlier process may have been killed while it created them. */
export async function makeTopics(log: Log): Promise<void> {
  for (const [name, settings] of Object.entries(TOPICS)) {
    if ((await log.admin.describeTopic(name)) === undefined) await log.admin.createTopic(name, settings)
  }
}
