import { int32, type Job, json, string, topic } from '@millrace/core'
import { JobInLists } from '../../../task/testing/job-in-lists.ts'

export const numbers = topic('numbers', { key: string(), value: int32(), aheadMax: 'unlimited' })
export const out = topic('out', { key: string(), value: json<unknown>() })

export type Row = readonly [key: string, value: number | null, timestamp: number]

/** What a job appends to a topic: key, value and time. */
export function rows(lists: JobInLists, name = 'out'): [key: string, value: unknown, timestamp: number][] {
  return lists
    .topic(name)
    .records.map(({ key, value, timestamp }) => [`${key}`, value === null ? null : JSON.parse(`${value}`), timestamp])
}

/** A job that has processed records of `numbers`. */
export function run(made: Job, ...records: readonly Row[]): JobInLists {
  const lists = new JobInLists(made)
  for (const [key, value, timestamp] of records) lists.append(numbers, key, value, timestamp)
  lists.run()
  return lists
}
