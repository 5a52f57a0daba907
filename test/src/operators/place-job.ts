import { globalTable, type Job, job, json, stream, string, topic } from '@millrace/core'

export interface Order {
  readonly id: number
  /** Whom it is from; null: unknown. */
  readonly by: string | null
}

export const orders = topic('orders', { key: string(), value: json<Order>() })
export const cities = topic('cities', { key: string(), value: json<string>() })
export const placed = topic('placed', { key: string(), value: json<{ id: number; city: string | null }>() })

export type Word = 'join' | 'leftJoin'

/** Gives each order the city of the person who has placed it. */
export function placeJob(word: Word, behind: 'topic' | 'repartition' = 'topic'): Job {
  const read =
    behind === 'topic'
      ? stream(orders)
      : stream(orders)
          .keyBy((order) => `${order.id % 5}`, string())
          .repartition('spread')
  const table = globalTable(cities)
  const joined =
    word === 'join'
      ? read.join(
          'place',
          table,
          (order) => order.by,
          ({ id }, city) => ({ id, city }),
        )
      : read.leftJoin(
          'place',
          table,
          (order) => order.by,
          ({ id }, city) => ({ id, city }),
        )
  return job('shop', joined.to(placed))
}

export const WHO = ['ann', 'bob', 'cem', 'dan']
