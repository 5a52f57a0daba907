import { type Job, job, json, stream, string, topic, tumbling } from '@millrace/core'
import type { VersionName } from './node/node-steps.ts'

/** What the simulated world's job reads. Ids are unique, so that a lost or repeated order can be identified. */
export interface Order {
  readonly id: number
  readonly customer: string
  readonly amount: number
}

export interface Total {
  readonly count: number
  readonly sum: number
  /** The order that was counted last. */
  readonly last: number
}

export const WINDOW_MS = 1000
const GRACE_MS = 3_600_000

export const orders = topic('orders', { key: string(), value: json<Order>() })
/** Every order as it came: an output without state. */
export const copies = topic('copies', { key: string(), value: json<number>() })
/** Every change of a customer's total: an output after a repartition and a store. */
export const totalChanges = topic('total-changes', { key: string(), value: json<Total>() })

const totals = stream(orders)
  .groupBy((order) => order.customer, string())
  .aggregate('totals', {
    init: (): Total => ({ count: 0, sum: 0, last: -1 }),
    add: (total, order) => ({ count: total.count + 1, sum: total.sum + order.amount, last: order.id }),
    value: json<Total>(),
  })

const windows = stream(orders)
  .groupByKey()
  .window(tumbling(WINDOW_MS, { grace: GRACE_MS }))
  .count('windows')

const outputs = [copied((order) => order.id), totals, totals.changes().to(totalChanges), windows]

/** One job with everything that a commit must hold together: outputs, a repartition, a plain and a windowed store. */
export const ordersJob = job('orders', ...outputs)

const units = stream(orders)
  .groupBy((order) => String(order.amount % 10), string())
  .count('units')

/** The same job with another step, whose tasks the job did not have before. */
export const changedOrdersJob = job('orders', ...outputs, units)

const wideWindows = stream(orders)
  .groupByKey()
  .window(tumbling(3 * WINDOW_MS, { grace: GRACE_MS }))
  .count('windows')

/** The same outputs, and a store with other content under the name of the former one. */
const wideOrdersJob = job(
  'orders',
  copied((order) => order.id),
  totals,
  totals.changes().to(totalChanges),
  wideWindows,
)

/** At which orders a failing version fails: there are some in every world, and others before them. */
const FAILING_IDS = 5

/** As that, and it fails at some of the orders. */
const failingOrdersJob = job(
  'orders',
  copied(({ id }) => {
    if (id % FAILING_IDS === FAILING_IDS - 1) throw new Error('This version fails')
    return id
  }),
  totals,
  totals.changes().to(totalChanges),
  wideWindows,
)

/** A version of the job, as a node deploys it. */
export interface OrdersVersion {
  readonly job: Job
  /** The stores that may start empty. */
  readonly acceptLoss: readonly string[]
  /** Whether the results are right if it stays. If not, it is taken back. */
  readonly mayStay: boolean
}

export const ORDERS_VERSIONS: Readonly<Record<VersionName, OrdersVersion>> = {
  first: { job: ordersJob, acceptLoss: [], mayStay: true },
  changed: { job: changedOrdersJob, acceptLoss: ['units'], mayStay: true },
  wide: { job: wideOrdersJob, acceptLoss: ['windows'], mayStay: false },
  failing: { job: failingOrdersJob, acceptLoss: ['windows'], mayStay: false },
}

function copied(id: (order: Order) => number) {
  return stream(orders).mapValues(id).to(copies)
}
