import { collect, count, hopping, job, json, max, stream, string, sum } from '@millrace/core'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { limitMs } from '../crash/extent.ts'
import {
  changes,
  endOf,
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

const MANY = 1000

/** Tables whose windows are merged of panes, each with another kind of totals; and one that keeps each window. All should agree. */
function hoppingJob(size: number, advance: number, grace: number, regrouped: boolean) {
  const input = stream(numbers)
  const byKey = regrouped ? input.groupBy((_, key) => key, string()) : input.groupByKey()
  const grouped = byKey.window(hopping(size, { advance, grace, panes: true }))
  const whole = byKey.window(hopping(size, { advance, grace }))
  const several = { n: count(), highest: max((value: number) => value), total: sum((value: number) => value) }
  const merged = grouped.aggregate('merged', {
    init: (): readonly number[] => [],
    add: (total, value) => [...total, value].sort((a, b) => a - b),
    merge: (a, b) => [...a, ...b].sort((a, b) => a - b),
    value: json(),
    emit: 'final',
  })
  const ready = grouped.aggregate('ready', several, { emit: 'final' })
  const all = grouped.aggregate('all', collect({ max: MANY }), { emit: 'final' })
  const counted = grouped.count('counted', { emit: 'final' })
  const each = whole.reduce('each', (a, b) => Math.max(a, b), { emit: 'final' })
  return job(
    'hopping',
    merged,
    ready,
    all,
    each,
    merged.changes().to(changes),
    merged.late().to(late),
    counted.changes().mapValues(Number, json<number>()).to(finals),
  ).onError({ keyless: 'skip' })
}

const settings = fc.record({
  history: histories,
  lengths: fc.constantFrom([60, 1], [60, 5], [60, 20], [10, 5], [60, 60]),
  grace: fc.constantFrom(0, 10, 60),
  regrouped: fc.boolean(),
})

test(
  'each window that has closed has the total of its records, however many it shares with others, and whatever the interruptions',
  async () => {
    await fc.assert(
      fc.asyncProperty(settings, async ({ history, lengths: [size = 1, advance = 1], grace, regrouped }) => {
        const sent = sentIn(history, regrouped)
        const left = await runHistory(hoppingJob(size, advance, grace, regrouped), history, sent)
        const { records, timeOf } = judged(sent, regrouped)
        const windows = new Map<string, Judged[]>()
        const lateRecords = records.filter((record) => {
          const starts = startsOf(record.timestamp, size, advance)
          const open = starts.filter((start) => start + size + grace > record.watermark)
          for (const start of open) {
            const row = rowText(record.key, start, start + size)
            windows.set(row, [...(windows.get(row) ?? []), record])
          }
          return open.length < starts.length
        })
        const closed = [...windows].filter(([row]) => endOf(row) + grace <= timeOf(keyOf(row)))
        const rowsBy = <T>(fn: (values: readonly number[], records: readonly Judged[]) => T) =>
          new Map(closed.map(([row, own]) => [row, fn(sorted(own.map(({ value }) => value)), own)] as const))
        const lists = rowsBy((values) => values)
        const shown = (view: string) => left.rows.get(view)
        expect(shown('merged')).toEqual(lists)
        expect(left.changed).toEqual(lists)
        expect(left.finals).toEqual(
          [...lists].map(([row, values]) => `${row} ${values.length} @${endOf(row) - 1}`).sort(),
        )
        expect(shown('ready')).toEqual(
          rowsBy((values) => {
            return { n: values.length, highest: values.at(-1), total: values.reduce((a, b) => a + b) }
          }),
        )
        expect(shown('all')).toEqual(rowsBy((_, own) => own.toSorted(byTime).map(({ value }) => value)))
        const each = left.rows.get('each') ?? new Map<string, unknown>()
        for (const [row, values] of lists) expect(each.get(row)).toBe(values.at(-1))
        expect(left.late).toEqual(
          lateRecords.map(({ key, value, timestamp }) => `${key} ${value} @${timestamp}`).sort(),
        )
      }),
      { numRuns: RUNS },
    )
  },
  limitMs(RUNS),
)

function startsOf(timestamp: number, size: number, advance: number): number[] {
  const starts: number[] = []
  for (let start = Math.floor(timestamp / advance) * advance; start > timestamp - size; start -= advance)
    starts.push(start)
  return starts
}

function sorted(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b)
}

/** As `collect` orders records: by time, and those of one time by value. */
function byTime(a: Judged, b: Judged): number {
  return a.timestamp - b.timestamp || a.value - b.value
}
