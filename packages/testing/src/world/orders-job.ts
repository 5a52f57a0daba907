import { job, json, stream, string, topic, tumbling } from '@millrace/core'

/** What the simulated world's job reads. Ids are unique, so that a lost or repeated order can be identified. */
export interface Order {
  readonly id: number
  readonly customer: string
  readonly amount: number
}

export interface Total {
  readonly count: number
  readonly sum: number
  /** The order that was counted last, if the job keeps it. */
  readonly last?: number
}

export const WINDOW_MS = 1000
export const GRACE_MS = 3_600_000

export const orders = topic('orders', { key: string(), value: json<Order>() })
/** Every order as it came: an output without state. */
export const copies = topic('copies', { key: string(), value: json<number>() })
/** Every change of a customer's total: an output after a repartition and a store. */
export const totalChanges = topic('total-changes', { key: string(), value: json<Total>() })

const totals = stream(orders)
  .groupBy((order) => order.customer, string())
  .aggregate('totals', {
    init: (): Total => ({ count: 0, sum: 0 }),
    add: (total, order) => ({ count: total.count + 1, sum: total.sum + order.amount }),
    value: json<Total>(),
  })

export const windows = stream(orders)
  .groupByKey()
  .window(tumbling(WINDOW_MS, { grace: GRACE_MS }))
  .count('windows')

const outputs = [
  stream(orders)
    .mapValues((order) => order.id)
    .to(copies),
  totals,
  totals.changes().to(totalChanges),
  windows,
]

/** One job with everything that a commit must hold together: outputs, a repartition, a plain and a windowed store. */
export const ordersJob = job('orders', ...outputs)

export const units = stream(orders)
  .groupBy((order) => String(order.amount % 10), string())
  .count('units')

/** The same job with another step, whose tasks the job did not have before. */
export const changedOrdersJob = job('orders', ...outputs, units)
