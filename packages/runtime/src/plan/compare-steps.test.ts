import {
  calendar,
  countWindow,
  describe,
  int32,
  type Job,
  job,
  json,
  type StateCells,
  sessions,
  stream,
  string,
  type Table,
  table,
  topic,
  tumbling,
  valueState,
} from '@millrace/core'
import { expect, test } from 'vitest'
import { compareSteps } from './compare-steps.ts'

const numbers = topic('numbers', { key: string(), value: json<number>() })
const others = topic('others', { key: string(), value: json<number>() })
const out = topic('out', { key: string(), value: json<number>() })
const counts = stream(numbers).groupByKey().count('counts')
const isOdd = (value: number) => value % 2 === 1

const compare = (before: Job, now: Job) => compareSteps(describe(before, 'json'), describe(now, 'json'))
const compareTables = (before: Table<unknown, unknown>, now: Table<unknown, unknown>) =>
  compare(job('j', before), job('j', now))

test('a job does not differ from itself, nor from another version of itself', () => {
  const grouped = stream(numbers)
    .filter(isOdd)
    .groupBy((value) => `${value}`, string())
    .count('grouped')
  const theJob = job('j', counts, grouped, grouped.changes().to(out), stream(numbers).to(out))
  const none = { added: [], removed: [], changed: [] }
  expect(compare(theJob, theJob)).toEqual(none)
  expect(compare(theJob, theJob.withVersion(2))).toEqual(none)
})

test('a step between two others is added, and changes only what stands before the stores behind it', () => {
  const spread = (filtered: boolean) => {
    const input = filtered ? stream(numbers).filter(isOdd) : stream(numbers)
    return input
      .mapValues((value) => value + 1)
      .groupBy((value) => `${value}`, string())
      .count('grouped')
  }
  expect(compareTables(spread(false), spread(true))).toEqual({
    added: ['filter (after topic numbers)'],
    removed: [],
    changed: [
      {
        step: 'repartition "grouped"',
        store: null,
        changes: ['steps before it mapValues → groupBy, now filter → mapValues → groupBy'],
      },
      {
        step: 'count "grouped"',
        store: 'grouped',
        changes: [
          'steps before it mapValues → groupBy → repartition "grouped", now filter → mapValues → groupBy → repartition "grouped"',
        ],
      },
    ],
  })
})

test('sessions differ by their gap', () => {
  const visits = (gap: number) =>
    stream(numbers).groupByKey().window(sessions({ gap })).count('visits') as Table<unknown, unknown>
  expect(compareTables(visits(1000), visits(2000)).changed).toEqual([
    { step: 'count "visits"', store: 'visits', changes: ['gap 1s, now 2s'] },
  ])
})

test('windows of so many records differ by that number', () => {
  const sums = (size: number) => {
    const windows = stream(numbers).groupByKey().window(countWindow(size))
    return job('j', windows.reduce('sums', (a, b) => a + b).to(out))
  }
  expect(compare(sums(10), sums(20)).changed).toEqual([
    { step: 'reduce "sums"', store: 'sums', changes: ['records 10, now 20'] },
  ])
})

test('windows of a calendar differ by their unit and zone', () => {
  const days = (timeZone: string) =>
    stream(numbers).groupByKey().window(calendar('day', { timeZone })).count('days') as Table<unknown, unknown>
  expect(compareTables(days('UTC'), days('Asia/Tokyo')).changed).toEqual([
    { step: 'count "days"', store: 'days', changes: ['calendar day in UTC, now day in Asia/Tokyo'] },
  ])
})

test('the first rows of a table differ by their number and their order', () => {
  const first = (rows: number, order: 'ascending' | 'descending') =>
    counts.topN('most', rows, (count) => count, { order })
  expect(compareTables(first(10, 'descending'), first(20, 'ascending')).changed).toEqual([
    {
      step: 'topN "most"',
      store: 'most',
      changes: ['rows at the top 10, now 20', 'order of ranks descending, now ascending'],
    },
  ])
})

test('a process step with other cells is the same step, and each cell that changed is one of its changes', () => {
  const made = (state: StateCells) => {
    const step = stream(numbers).process('step', { value: json<number>(), state, onRecord: () => undefined })
    return job('j', step.to(out))
  }
  const last = valueState(json<number>())
  expect(compare(made({ last }), made({ first: last, last }))).toEqual({ added: [], removed: [], changed: [] })
  expect(compare(made({ first: last, last }), made({ first: last, last: valueState(int32()) })).changed).toEqual([
    { step: 'process "step"', store: 'step.first', changes: ['value serde json, now int32'] },
  ])
})

test('a store is the same step under another word, and a new step under another name', () => {
  const total = stream(numbers)
    .groupByKey()
    .aggregate('counts', { init: () => 0, add: (sum, value) => sum + value, value: json<number>() })
  expect(compareTables(counts, total).changed).toEqual([
    {
      step: 'aggregate "counts"',
      store: 'counts',
      changes: ['step count, now aggregate', 'value serde int64, now json'],
    },
  ])
  expect(compareTables(counts, stream(numbers).groupByKey().count('totals'))).toEqual({
    added: ['count "totals"'],
    removed: ['count "counts"'],
    changed: [],
  })
})

test('other inputs, windows and retentions of a store are changes, and so is whether it is a view', () => {
  const fading = (ttl: number) => table(numbers, 'fading', { ttl })
  expect(compareTables(fading(5), fading(7)).changed).toEqual([
    { step: 'toTable "fading"', store: 'fading', changes: ['ttl 5ms, now 7ms'] },
  ])
  const windows = (size: number, retention: number) =>
    stream(numbers).groupByKey().window(tumbling(size, { retention })).count('windows')
  expect(compareTables(windows(10, 1000), windows(20, 2000)).changed).toEqual([
    { step: 'count "windows"', store: 'windows', changes: ['window size 10ms, now 20ms', 'retention 1s, now 2s'] },
  ])
  expect(compareTables(counts, stream(others).groupByKey().count('counts')).changed).toEqual([
    { step: 'count "counts"', store: 'counts', changes: ['after topic numbers, now topic others'] },
  ])
  const large = counts.filter((value) => value > 2, { name: 'large' })
  expect(compare(job('j', counts, large), job('j', large)).changed).toEqual([
    { step: 'count "counts"', store: 'counts', changes: ['view yes, now no'] },
  ])
})

test('outputs to one topic from different places are counted, and each is a step', () => {
  const two = job('j', stream(numbers).to(out), stream(numbers).filter(isOdd).to(out))
  expect(compare(job('j', stream(numbers).to(out)), two).added).toEqual(['filter (after topic numbers)', 'to "out"'])
})
