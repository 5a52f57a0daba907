import { type Job, job, json, stream, string, tumbling } from '@millrace/core'
import {
  copies,
  GRACE_MS,
  type Order,
  orders,
  type Total,
  totalChanges,
  units,
  WINDOW_MS,
  windows,
} from '../orders-job.ts'
import type { VersionName } from './node-steps.ts'

/** A version of the world's job, as a node deploys it. */
export interface OrdersVersion {
  readonly job: Job
  /** The stores that may start empty. */
  readonly acceptLoss: readonly string[]
  /** Whether the results are right if it stays. If not, it is taken back. */
  readonly mayStay: boolean
}

/** As in the job without a node; and each change of a total shows by which order. */
const totals = stream(orders)
  .groupBy((order) => order.customer, string())
  .aggregate('totals', {
    init: (): Total => ({ count: 0, sum: 0 }),
    add: (total, order) => ({ count: total.count + 1, sum: total.sum + order.amount, last: order.id }),
    value: json<Total>(),
  })
const changes = totals.changes().to(totalChanges)
const copied = (id: (order: Order) => number) => stream(orders).mapValues(id).to(copies)
const copiedOrders = copied((order) => order.id)

const wideWindows = stream(orders)
  .groupByKey()
  .window(tumbling(3 * WINDOW_MS, { grace: GRACE_MS }))
  .count('windows')

/** At which orders a failing version fails: there are some in every world, and others before them. */
const FAILING_IDS = 5

const failingCopies = copied(({ id }) => {
  if (id % FAILING_IDS === FAILING_IDS - 1) throw new Error('This version fails')
  return id
})

/** The versions have the same outputs. */
export const ORDERS_VERSIONS: Readonly<Record<VersionName, OrdersVersion>> = {
  first: { job: job('orders', copiedOrders, totals, changes, windows), acceptLoss: [], mayStay: true },
  changed: { job: job('orders', copiedOrders, totals, changes, windows, units), acceptLoss: ['units'], mayStay: true },
  wide: { job: job('orders', copiedOrders, totals, changes, wideWindows), acceptLoss: ['windows'], mayStay: false },
  failing: { job: job('orders', failingCopies, totals, changes, wideWindows), acceptLoss: ['windows'], mayStay: false },
}
