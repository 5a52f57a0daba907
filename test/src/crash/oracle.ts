import { type Order, receiptOf, type Total } from './crash-job.ts'
import { firstOrders } from './orders.ts'

/**
 * The guarantee that is checked for outputs. `at least once`: records may repeat, as after a crash between outputs and
 * checkpoint. `exactly once`: they may not repeat. State is exact in both cases.
 */
const OUTPUTS: 'at least once' | 'exactly once' = 'exactly once'

/** Rows of a view, or records of a topic key by key, as text: key → value or values. */
export type Rows = ReadonlyMap<string, string>
export type Sequences = ReadonlyMap<string, readonly string[]>

/** The results that a run over the orders must have. */
export interface Expected {
  readonly byCustomer: Rows
  readonly byProduct: Rows
  readonly receipts: Sequences
  readonly customerTotals: Sequences
  /** The number of changes of each product. Two tasks send changes of each product, so their order is not defined. */
  readonly productChanges: ReadonlyMap<string, number>
}

/** Computes the results of the first orders without Millrace. */
export function expectedOf(count: number): Expected {
  const byCustomer = new Map<string, Total>()
  const byProduct = new Map<string, Total>()
  const receipts = new Map<string, string[]>()
  const customerTotals = new Map<string, string[]>()
  for (const order of firstOrders(count)) {
    const total = add(byCustomer, order.customer, order)
    add(byProduct, order.product, order)
    push(receipts, order.customer, receiptOf(order))
    push(customerTotals, order.customer, JSON.stringify(total))
  }
  return {
    byCustomer: asText(byCustomer),
    byProduct: asText(byProduct),
    receipts,
    customerTotals,
    productChanges: new Map([...byProduct].map(([product, { orders }]) => [product, orders])),
  }
}

function add(totals: Map<string, Total>, key: string, { cents }: Order): Total {
  const before = totals.get(key) ?? { orders: 0, cents: 0 }
  const total = { orders: before.orders + 1, cents: before.cents + cents }
  totals.set(key, total)
  return total
}

export function push<V>(lists: Map<string, V[]>, key: string, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

function asText(totals: ReadonlyMap<string, Total>): Rows {
  return new Map([...totals].map(([key, total]) => [key, JSON.stringify(total)]))
}

/** Differences between the rows of a view and the expected rows, one sentence each. */
export function rowDifferences(view: string, found: Rows, expected: Rows): string[] {
  const keys = new Set([...found.keys(), ...expected.keys()])
  return [...keys].flatMap((key) => {
    if (found.get(key) === expected.get(key)) return []
    return [`view ${view}: ${key} is ${found.get(key)}, not ${expected.get(key)}`]
  })
}

/** Differences between the records of a topic and the expected records, one sentence each. */
export function sequenceDifferences(topic: string, found: Sequences, expected: Sequences): string[] {
  const keys = new Set([...found.keys(), ...expected.keys()])
  return [...keys].flatMap((key) => {
    const got = OUTPUTS === 'exactly once' ? (found.get(key) ?? []) : [...new Set(found.get(key))]
    const wanted = expected.get(key) ?? []
    if (JSON.stringify(got) === JSON.stringify(wanted)) return []
    return [`topic ${topic}: ${key} has ${JSON.stringify(got)}, not ${JSON.stringify(wanted)}`]
  })
}

/**
 * The problems of the changes of a second stage: each product's number of orders must count up one by one, and the last
 * record must be the view's row.
 */
export function changeDifferences(topic: string, found: Sequences, { productChanges, byProduct }: Expected): string[] {
  const counts = new Map<string, string[]>()
  for (const [key, totals] of found) counts.set(key, totals.map(ordersIn))
  const wanted = new Map(
    [...productChanges].map(([key, changes]) => [key, Array.from({ length: changes }, (_, index) => `${index + 1}`)]),
  )
  const last = new Map([...found].map(([key, totals]) => [key, totals.at(-1) ?? '']))
  return [...sequenceDifferences(topic, counts, wanted), ...rowDifferences(`${topic}, last records`, last, byProduct)]
}

function ordersIn(total: string): string {
  const { orders }: Partial<Total> = JSON.parse(total)
  return `${orders}`
}
