import { int32, job, joinAll, json, type Stream, stream, string, topic, tumbling } from '@millrace/core'
import { expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'

const topicOf = (name: string) => topic(name, { key: string(), value: int32(), aheadMax: 'unlimited' })
const as = topicOf('as')
const bs = topicOf('bs')
const cs = topicOf('cs')
const out = topic('out', { key: string(), value: json<unknown>() })

type Record = readonly [from: typeof as, key: string | null, value: number | null, at: number]
type Three = { readonly a: number; readonly b: number; readonly c: number }

const three = (grace = 20) => joinAll('joined', { c: stream(cs), a: stream(as), b: stream(bs) }, { within: 10, grace })

/** What a stream's records are, once each of these has been processed before the next one comes. */
function run(made: Stream<string, unknown>, records: readonly Record[]): string[] {
  const lists = new JobInLists(job('j', made.to(out)).onError({ keyless: 'skip', callback: 'skip' }))
  for (const [from, key, value, at] of records) {
    lists.append(from, key, value, at)
    lists.run()
  }
  return lists
    .topic('out')
    .records.map(({ key, value, timestamp }) => `${key} ${JSON.parse(`${value}`)} at ${timestamp}`)
}

const text = ({ a, b, c }: Three) => `${a}+${b}+${c}`
const texts = (joined = three()) => joined.mapValues(text)

test('a record completes every combination with records that have come before it, in the order of the names and times', () => {
  const found = run(texts(), [
    [bs, 'x', 2, 14],
    [as, 'x', 1, 12],
    [as, 'y', 9, 12],
    [bs, 'x', 1, 11],
    [as, 'x', 2, 13],
    [cs, 'x', 7, 15],
    [cs, 'x', 8, 12],
  ])
  expect(found).toEqual([
    ...['x 1+1+7 at 15', 'x 1+2+7 at 15', 'x 2+1+7 at 15', 'x 2+2+7 at 15'],
    ...['x 1+1+8 at 12', 'x 1+2+8 at 14', 'x 2+1+8 at 13', 'x 2+2+8 at 14'],
  ])
})

test('all records of a result are near each other, and not only near the one that comes last', () => {
  const records: Record[] = [
    [as, 'x', 1, 20],
    [bs, 'x', 2, 31],
    [bs, 'x', 3, 30],
    [cs, 'x', 4, 25],
  ]
  expect(run(texts(), records)).toEqual(['x 1+3+4 at 30'])
  expect(run(texts(), records.toReversed())).toEqual(['x 1+3+4 at 30'])
})

test('a result is late behind the join if one of its records would be, whichever came last', () => {
  const late = three().groupByKey().window(tumbling(20)).count('counts').late().mapValues(text)
  // The first record comes behind the watermark 25, and the others in order.
  const behind: Record[] = [
    [as, 'z', 0, 25],
    [as, 'x', 1, 10],
  ]
  const others: Record[] = [
    [bs, 'x', 2, 12],
    [cs, 'x', 3, 11],
  ]
  expect(run(late, [...behind, ...others])).toEqual(['x 1+2+3 at 12'])
  expect(run(late, [...others, ...behind])).toEqual(['x 1+2+3 at 12'])
})

test('a record that completes a result is as late as before for the other steps that take it', () => {
  const numbers = stream(as)
  const joined = joinAll('joined', { a: numbers, b: stream(bs) }, { within: 20 })
  const late = numbers.groupByKey().window(tumbling(15)).count('counts').late()
  const lists = new JobInLists(job('j', joined.to(out), late.to(topic('late', { key: string(), value: int32() }))))
  lists.append(bs, 'x', 1, 25)
  lists.run()
  lists.append(as, 'x', 2, 10)
  lists.run()
  expect(lists.topic('out').records).toHaveLength(1)
  expect(lists.topic('late').records).toEqual([])
})

test('values are joined as a restart would read them, whichever came first', () => {
  const valued = (from: typeof as) => stream(from).mapValues((value) => ({ value, gone: undefined }))
  const joined = joinAll('joined', { a: valued(as), b: valued(bs) }, { within: 10 }).mapValues(
    ({ a, b }) => `${Object.keys(a)} ${Object.keys(b)}`,
  )
  const records: Record[] = [
    [as, 'x', 1, 0],
    [bs, 'x', 2, 0],
  ]
  expect(run(joined, records)).toEqual(['x value value at 0'])
})

test('a stream that has two names is joined with itself in every way', () => {
  const numbers = stream(as)
  const joined = joinAll('joined', { a: numbers, b: numbers, c: stream(cs) }, { within: 10, grace: 20 })
  const found = run(texts(joined), [
    [cs, 'x', 7, 0],
    [as, 'x', 1, 0],
    [as, 'x', 2, 5],
  ])
  expect(found).toEqual(['x 1+1+7 at 0', 'x 2+1+7 at 5', 'x 1+2+7 at 5', 'x 2+2+7 at 5'])
})

test('equal records of one key and time are all kept and joined', () => {
  const found = run(texts(), [
    [as, 'x', 1, 5],
    [as, 'x', 1, 5],
    [bs, 'x', 2, 5],
    [cs, 'x', 3, 5],
    [cs, 'x', 3, 5],
  ])
  expect(found).toEqual(Array.from({ length: 4 }, () => 'x 1+2+3 at 5'))
})

test('deletions and records without a key are in no result', () => {
  const found = run(texts(), [
    [as, 'x', null, 0],
    [bs, 'x', 1, 0],
    [cs, 'x', 1, 0],
    [as, null, 1, 0],
    [as, 'x', 2, 1],
  ])
  expect(found).toEqual(['x 2+1+1 at 1'])
})

test('late records are counted, and passed on as they were', () => {
  const records: Record[] = [
    [as, 'x', 1, 20],
    [as, 'x', 2, 14],
    [as, 'x', 3, 15],
    [bs, 'x', 4, 15],
    [cs, 'x', 5, 15],
  ]
  const joined = three(5)
  expect(run(joined.late('a'), records)).toEqual(['x 2 at 14'])
  expect(run(joined.late('b'), records)).toEqual([])
  expect(run(texts(three(5)), records)).toEqual(['x 3+4+5 at 15', 'x 1+4+5 at 20'])
  const lists = new JobInLists(job('j', three(5).to(out)))
  for (const [from, key, value, at] of records) lists.append(from, key, value, at)
  lists.run()
  expect(lists.tasks[0]?.counts.late).toBe(1)
})

test('a record that fails behind the join is in no result, and the others are as if it had not come', () => {
  const checked = three().mapValues((each) => {
    if (each.b === 13) throw new Error('unlucky')
    return text(each)
  })
  const found = run(checked, [
    [as, 'x', 1, 0],
    [cs, 'x', 3, 0],
    [bs, 'x', 13, 0],
    [bs, 'x', 2, 0],
    [cs, 'x', 4, 1],
  ])
  expect(found).toEqual(['x 1+2+3 at 0', 'x 1+2+4 at 1'])
})

test('what nothing can be near to any more is deleted', () => {
  const lists = new JobInLists(
    job('j', joinAll('joined', { a: stream(as), b: stream(bs) }, { within: 3, grace: 2 }).to(out)),
  )
  for (const from of [as, bs]) for (let at = 0; at <= 100; at++) lists.append(from, 'x', at, at)
  lists.run()
  lists.run()
  for (const name of ['joined.a', 'joined.b']) {
    const kept = lists.tasks[0]?.state.instantStore(name).rows()
    expect(kept?.map(([, at]) => at)).toEqual([95, 96, 97, 98, 99, 100])
  }
})
