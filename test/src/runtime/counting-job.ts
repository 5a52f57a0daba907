import { int64, type Job, job, stream, string, topic } from '@millrace/core'

/** How many keys the numbers have. */
export const KEYS = 11

export const numbers = topic('numbers', { key: string(), value: int64() })
export const passed = topic('passed', { key: string(), value: int64() })
const changes = topic('changes', { key: string(), value: int64() })

/**
 * Counts numbers by key, with a repartition by another key than that of the records or without one; it passes each number on, and
 * each change of a count.
 */
export function countingJob(repartitions: boolean): Job {
  const grouped = repartitions ? stream(numbers).groupBy((n) => `k${n % KEYS}`, string()) : stream(numbers).groupByKey()
  const counts = grouped.count('counts')
  return job('shop', counts, stream(numbers).to(passed), counts.changes().to(changes))
}
