import { int32, job, json, sliding, stream, string } from '@millrace/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs } from '../crash/extent.ts'
import {
  changes,
  endOf,
  expectWindows,
  finals,
  histories,
  type Judged,
  judged,
  keyOf,
  late,
  numbers,
  RUNS,
  rowText,
  runHistory,
  sentIn,
} from './window-runs.ts'

function slidingJob(size: number, grace: number, regrouped: boolean) {
  const input = stream(numbers)
  const grouped = (regrouped ? input.groupBy((_, key) => key, string()) : input.groupByKey()).window(
    sliding(size, { grace }),
  )
  const rows = grouped.aggregate('rows', {
    init: (): readonly number[] => [],
    add: (total, value) => [...total, value].sort((a, b) => a - b),
    value: json(),
  })
  const times = grouped.aggregate('times', {
    init: (): readonly number[] => [],
    add: (total, _value, _key, { timestamp }) => [...total, timestamp],
    value: json(),
  })
  const lengths = rows.mapValues((ids) => ids.length, { name: 'lengths', value: int32() })
  return job(
    'sliding',
    rows,
    times,
    lengths,
    rows.changes().to(changes),
    rows.late().to(late),
    grouped.count('counts').changes().mapValues(Number, json<number>()).to(finals),
  ).onError({ keyless: 'skip' })
}

const settings = fc.record({
  history: histories,
  size: fc.constantFrom(1, 10, 60),
  grace: fc.constantFrom(0, 10, 60),
  regrouped: fc.boolean(),
})

test(
  'each record has the total of the time before it, whatever the order, the partitions and the interruptions',
  async () => {
    await fc.assert(
      fc.asyncProperty(settings, async ({ history, size, grace, regrouped }) => {
        const sent = sentIn(history, regrouped)
        const left = await runHistory(slidingJob(size, grace, regrouped), history, sent)
        const { records, timeOf } = judged(sent, regrouped)
        const isLate = ({ timestamp, watermark }: Judged) => watermark > timestamp + grace
        const inTime = records.filter((record) => !isLate(record))
        const windows = inTime.map(({ key, timestamp }): [string, Judged[]] => [
          rowText(key, timestamp + 1 - size, timestamp + 1),
          inTime.filter((each) => each.key === key && each.timestamp <= timestamp && each.timestamp > timestamp - size),
        ])
        const closed = new Map(windows.filter(([row]) => endOf(row) + grace <= timeOf(keyOf(row))))
        const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b)
        const mapped = <T>(fn: (records: readonly Judged[]) => T) =>
          new Map([...closed].map(([row, own]) => [row, fn(own)]))
        const rows = mapped((own) => sorted(own.map(({ value }) => value)))
        expectWindows(left, { rows, late: records.filter(isLate), grace, timeOf })
        expect(left.rows.get('times')).toEqual(mapped((own) => sorted(own.map(({ timestamp }) => timestamp))))
        expect(left.rows.get('lengths')).toEqual(mapped((own) => own.length))
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)
