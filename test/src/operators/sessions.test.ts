import { int32, job, json, sessions, stream, string } from '@millrace/core'
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

/** Sessions by hand: the records of a key, sorted by time, are cut where two are a gap or more apart. */
function sessionsOf(records: readonly Judged[], gap: number): Map<string, number[]> {
  const rows = new Map<string, number[]>()
  for (const key of new Set(records.map((record) => record.key))) {
    const sorted = records.filter((record) => record.key === key).sort((a, b) => a.timestamp - b.timestamp)
    let session: Judged[] = []
    for (const [index, record] of sorted.entries()) {
      session.push(record)
      const next = sorted[index + 1]
      if (next !== undefined && next.timestamp - record.timestamp < gap) continue
      const row = rowText(key, session[0]?.timestamp ?? 0, record.timestamp + gap)
      rows.set(
        row,
        session.map(({ value }) => value).sort((a, b) => a - b),
      )
      session = []
    }
  }
  return rows
}

const sorted = (values: readonly number[]) => [...values].sort((a, b) => a - b)

function sessionJob(gap: number, grace: number, regrouped: boolean) {
  const input = stream(numbers)
  const grouped = (regrouped ? input.groupBy((_, key) => key, string()) : input.groupByKey()).window(
    sessions({ gap, grace }),
  )
  const rows = grouped.aggregate('rows', {
    init: (): readonly number[] => [],
    add: (total, value) => sorted([...total, value]),
    merge: (a, b) => sorted([...a, ...b]),
    value: json(),
  })
  const counts = grouped.count('counts', { emit: 'final' })
  const greatest = grouped.reduce('greatest', (a, b) => Math.max(a, b))
  const long = rows.filter((ids) => ids.length > 2, { name: 'long' })
  const lengths = long.mapValues((ids) => ids.length, { name: 'lengths', value: int32() })
  return job(
    'sessions',
    rows,
    greatest,
    long,
    lengths,
    rows.changes().to(changes),
    rows.late().to(late),
    counts.changes().mapValues(Number, json<number>()).to(finals),
  ).onError({ keyless: 'skip' })
}

const settings = fc.record({
  history: histories,
  gap: fc.constantFrom(1, 5, 20),
  grace: fc.constantFrom(0, 10, 60),
  regrouped: fc.boolean(),
})

test(
  'sessions are those of the sorted records that are in time, whatever the order, the partitions and the interruptions',
  async () => {
    await fc.assert(
      fc.asyncProperty(settings, async ({ history, gap, grace, regrouped }) => {
        const sent = sentIn(history, regrouped)
        const left = await runHistory(sessionJob(gap, grace, regrouped), history, sent)
        const { records, timeOf } = judged(sent, regrouped)
        const isLate = ({ timestamp, watermark }: Judged) => watermark > timestamp + grace
        const inTime = records.filter((record) => !isLate(record))
        const rows = sessionsOf(inTime, gap)
        expectWindows(left, { rows, late: records.filter(isLate), grace, timeOf })
        expect(left.rows.get('greatest')).toEqual(new Map([...rows].map(([row, ids]) => [row, Math.max(...ids)])))
        const long = [...rows].filter(([, ids]) => ids.length > 2)
        expect(left.rows.get('long')).toEqual(new Map(long))
        expect(left.rows.get('lengths')).toEqual(new Map(long.map(([row, ids]) => [row, ids.length])))
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)
