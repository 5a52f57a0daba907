import { calendar, int32, job, json, stream, string } from '@millrace/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs } from '../crash/extent.ts'
import {
  changes,
  expectWindows,
  finals,
  histories,
  type Judged,
  judged,
  late,
  numbers,
  RUNS,
  rowText,
  runHistory,
  sentIn,
} from './window-runs.ts'

const HOUR = 3_600_000
const ZONE = 'Europe/Zurich'
/** Midnights in Zurich around both changes of clocks of 2024, by hand: days of 23, 24 and 25 hours. */
const SPRING = ['2024-03-29T23:00Z', '2024-03-30T23:00Z', '2024-03-31T22:00Z', '2024-04-01T22:00Z', '2024-04-02T22:00Z']
const AUTUMN = ['2024-10-25T22:00Z', '2024-10-26T22:00Z', '2024-10-27T23:00Z', '2024-10-28T23:00Z', '2024-10-29T23:00Z']
const midnights = [SPRING, AUTUMN].map((texts) => texts.map((text) => new Date(text).getTime()))

function windowOf(time: number, days: readonly number[]): readonly [start: number, end: number] {
  const at = days.findIndex((midnight) => midnight > time)
  return [days[at - 1] ?? Number.NaN, days[at] ?? Number.NaN]
}

function dailyJob(grace: number, regrouped: boolean) {
  const input = stream(numbers)
  const grouped = (regrouped ? input.groupBy((_, key) => key, string()) : input.groupByKey()).window(
    calendar('day', { timeZone: ZONE, grace }),
  )
  const rows = grouped.aggregate('rows', {
    init: (): readonly number[] => [],
    add: (total, value) => [...total, value].sort((a, b) => a - b),
    value: json(),
  })
  const counts = grouped.count('counts', { emit: 'final' })
  const lengths = rows.mapValues((ids) => ids.length, { name: 'lengths', value: int32() })
  return job(
    'days',
    rows,
    lengths,
    rows.changes().to(changes),
    rows.late().to(late),
    counts.changes().mapValues(Number, json<number>()).to(finals),
  ).onError({ keyless: 'skip' })
}

const settings = fc.record({
  history: histories,
  days: fc.constantFrom(...midnights),
  grace: fc.constantFrom(0, 2 * HOUR, 12 * HOUR),
  regrouped: fc.boolean(),
})

test(
  'days of a time zone have the records between its midnights, whatever the order, the partitions and the interruptions',
  async () => {
    await fc.assert(
      fc.asyncProperty(settings, async ({ history, days, grace, regrouped }) => {
        const sent = sentIn(history, regrouped)
        const last = Math.max(...sent.map(({ timestamp }) => timestamp), 1)
        // The history is stretched over three days.
        const stretched = sent.map((record) => ({
          ...record,
          timestamp: (days[0] ?? 0) + Math.floor((record.timestamp / last) * 72 * HOUR),
        }))
        const left = await runHistory(dailyJob(grace, regrouped), history, stretched)
        const { records, timeOf } = judged(stretched, regrouped)
        const isLate = ({ timestamp, watermark }: Judged) => windowOf(timestamp, days)[1] + grace <= watermark
        const rows = new Map<string, number[]>()
        for (const { key, value, timestamp } of records.filter((record) => !isLate(record))) {
          const row = rowText(key, ...windowOf(timestamp, days))
          rows.set(
            row,
            [...(rows.get(row) ?? []), value].sort((a, b) => a - b),
          )
        }
        expectWindows(left, { rows, late: records.filter(isLate), grace, timeOf })
        expect(left.rows.get('lengths')).toEqual(new Map([...rows].map(([row, ids]) => [row, ids.length])))
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)
