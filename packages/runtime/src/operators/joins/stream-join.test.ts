import { int32, job, type Stream, stream, string, topic, tumbling } from '@millrace/core'
import { expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'

const topicOf = (name: string) => topic(name, { key: string(), value: int32(), aheadMax: 'unlimited' })
const lefts = topicOf('lefts')
const rights = topicOf('rights')
const texts = topic('texts', { key: string(), value: string() })

type Record = readonly [from: typeof lefts, key: string | null, value: number | null, at: number]

/** What a stream's records are, once each of these has been processed before the next one comes. */
function run(made: Stream<string, string>, records: readonly Record[]): string[] {
  const lists = new JobInLists(job('j', made.to(texts)).onError({ keyless: 'skip' }))
  for (const [from, key, value, at] of records) {
    lists.append(from, key, value, at)
    lists.run()
  }
  return lists.topic('texts').records.map(({ key, value, timestamp }) => `${key} ${value} at ${timestamp}`)
}

const both = (left: number | null, right: number | null) => `${left}+${right}`
const within = { within: 10, grace: 20, value: string() } as const

test('a record is joined with all near records of its key, in the order of their times, whichever came first', () => {
  const joined = stream(lefts).join('joined', stream(rights), both, within)
  const found = run(joined, [
    [rights, 'a', 1, 20],
    [rights, 'a', 2, 12],
    [rights, 'a', 3, 12],
    [rights, 'b', 4, 12],
    [rights, 'a', 5, 31],
    [rights, 'a', 8, 33],
    [lefts, 'a', 6, 22],
    [rights, 'a', 7, 15],
  ])
  expect(found).toEqual(['a 6+2 at 22', 'a 6+3 at 22', 'a 6+1 at 22', 'a 6+5 at 31', 'a 6+7 at 22'])
})

test('the other record may be earlier by `before`, and later by `after`, both included', () => {
  const joined = stream(lefts).join('joined', stream(rights), both, {
    within: { before: 2, after: 3 },
    grace: 50,
    value: string(),
  })
  const near = [7, 8, 10, 13, 14].map((at): Record => [rights, 'a', at, at])
  expect(run(joined, [...near, [lefts, 'a', 0, 10]])).toEqual(['a 0+8 at 10', 'a 0+10 at 10', 'a 0+13 at 13'])
  expect(run(joined, [[lefts, 'a', 0, 10], ...near])).toEqual(['a 0+8 at 10', 'a 0+10 at 10', 'a 0+13 at 13'])
})

test('a record without a partner comes once, with its own time, when no partner can come any more', () => {
  const joined = stream(lefts).outerJoin('joined', stream(rights), both, within)
  const records: Record[] = [
    [lefts, 'a', 1, 5],
    [rights, 'b', 2, 6],
    [rights, 'z', 3, 36],
    [lefts, 'z', 4, 35],
  ]
  // A right record of the time 15 is in time up to the watermark 35, which both sides have reached.
  expect(run(joined, records)).toEqual(['z 4+3 at 36'])
  expect(run(joined, [...records, [lefts, 'y', 5, 36]])).toEqual(['z 4+3 at 36', 'a 1+null at 5'])
})

test('a pair is late behind the join if one of its records would be, whichever came last', () => {
  const joined = stream(lefts).join('joined', stream(rights), both, within)
  const late = joined.groupByKey().window(tumbling(20)).count('counts').late()
  // The left record comes behind the watermark 25, and the right one in order.
  const left: Record[] = [
    [lefts, 'z', 0, 25],
    [lefts, 'a', 1, 10],
  ]
  const right: Record = [rights, 'a', 2, 12]
  expect(run(late, [...left, right])).toEqual(['a 1+2 at 12'])
  expect(run(late, [right, ...left])).toEqual(['a 1+2 at 12'])
})

test('a stream joined with itself has each pair in both directions, and each record with itself', () => {
  const numbers = stream(lefts)
  const found = run(numbers.join('joined', numbers, both, within), [
    [lefts, 'a', 1, 0],
    [lefts, 'a', 2, 5],
  ])
  expect(found).toEqual(['a 1+1 at 0', 'a 2+1 at 5', 'a 1+2 at 5', 'a 2+2 at 5'])
})

test('deletions and records without a key have no partner', () => {
  const joined = stream(lefts).leftJoin('joined', stream(rights), both, within)
  const found = run(joined, [
    [lefts, 'a', null, 0],
    [lefts, null, 1, 0],
    [rights, 'a', null, 0],
    [lefts, 'z', 9, 99],
    [rights, 'z', 9, 99],
  ])
  expect(found).toEqual(['z 9+9 at 99'])
})

test('late records are counted, and passed on as they were', () => {
  const joined = stream(lefts).join('joined', stream(rights), both, { ...within, grace: 5 })
  const records: Record[] = [
    [lefts, 'a', 1, 20],
    [lefts, 'a', 2, 14],
    [lefts, 'a', 3, 15],
  ]
  const asText = (late: Stream<string, number>) => late.mapValues((value) => `${value}`, string())
  expect(run(asText(joined.lateLeft()), records)).toEqual(['a 2 at 14'])
  expect(run(asText(joined.lateRight()), records)).toEqual([])
  const lists = new JobInLists(job('j', joined.to(texts)))
  for (const [from, key, value, at] of records) lists.append(from, key, value, at)
  lists.run()
  expect(lists.tasks[0]?.counts.late).toBe(1)
})

test('what can find no partner any more is deleted', () => {
  const joined = stream(lefts).join('joined', stream(rights), both, {
    within: { before: 3, after: 7 },
    grace: 2,
    value: string(),
  })
  const lists = new JobInLists(job('j', joined.to(texts)))
  for (const from of [lefts, rights]) for (let at = 0; at <= 100; at++) lists.append(from, 'a', at, at)
  lists.run()
  lists.run()
  const kept = (name: string) =>
    lists.tasks[0]?.state
      .instantStore(name)
      .rows()
      .map(([, at]) => at)
  expect(kept('joined.left')).toEqual(Array.from({ length: 10 }, (_, index) => 91 + index))
  expect(kept('joined.right')).toEqual(Array.from({ length: 6 }, (_, index) => 95 + index))
})
