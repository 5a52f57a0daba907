import { calendar, int32, job, json, stream, string, topic, windowed } from '@millrace/core'
import { expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'

const numbers = topic('numbers', { key: string(), value: int32(), aheadMax: 'unlimited' })
const out = topic('out', { key: windowed(string()), value: json<number>() })
const late = topic('late', { key: string(), value: int32() })

test('a day ends at its midnight plus the grace, to the millisecond, in summer time as in winter time', () => {
  const at = (text: string) => new Date(text).getTime()
  const days = stream(numbers)
    .groupByKey()
    .window(calendar('day', { timeZone: 'Europe/Zurich', grace: 1000 }))
    .count('days', { emit: 'final' })
  const lists = new JobInLists(job('j', days, days.changes().to(out), days.late().to(late)))
  const [start, end] = [at('2024-03-30T23:00Z'), at('2024-03-31T22:00Z')]
  for (const [value, time] of [
    [0, start - 1],
    [1, start],
    [2, end - 1],
    [3, end],
    // The watermark is one ms before the end plus the grace, and then at it.
    [4, end + 999],
    [5, end - 1],
    [6, end + 1000],
    [7, end - 1],
  ] as const) {
    lists.append(numbers, 'a', value, time)
  }
  lists.run()
  const results = lists.topic('out').records.map(({ key, value, timestamp }) => {
    const { window } = out.key.decode(key ?? Buffer.of(), 0, key?.length ?? 0)
    return [window, Number(value), timestamp]
  })
  expect(results).toEqual([
    [{ start: at('2024-03-29T23:00Z'), end: start }, 1, start - 1],
    [{ start, end }, 3, end - 1],
  ])
  expect(lists.topic('late').records.map(({ value }) => value?.readInt32BE(0))).toEqual([7])
})
