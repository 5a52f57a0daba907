import { int32, job, json, stream, string, type Table, table, topic, tumbling, windowed } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: string(), value: json<unknown>() })
const latest = table(numbers, 'latest')

type Append = readonly [key: string, value: number | null, time: number]

/** Takes records `[key, value, time]`; returns the changes that the table has passed on: `a: 3 @19`. */
function passedOn(rows: Table<string, unknown>, records: readonly Append[]): string[] {
  const lists = new JobInLists(job('j', rows.changes().to(out)).onError({ callback: 'skip' }))
  for (const [key, value, time] of records) lists.append(numbers, key, value, time)
  lists.run()
  return lists
    .topic('out')
    .records.map(({ key, value, timestamp }) => `${key}: ${value === null ? 'none' : value.toString()} @${timestamp}`)
}

/** A table that also notes the old and new values that it gets. */
function noting(rows: Table<string, number>, seen: unknown[]): Table<string, number> {
  // The callback is called for the new value first, and then for the old one.
  return rows.mapValues((value) => {
    seen.push(value)
    return value
  })
}

describe('a table that changes every 20 ms', () => {
  const calm = latest.every('calm', 20)

  test('passes on each row that has changed once, as it is then, and not before time is there', () => {
    const records = [
      ['a', 1, 5],
      ['a', 2, 10],
      ['b', 7, 19],
      ['a', 4, 20],
      ['z', 0, 65],
      ['z', 1, 79],
    ] as const
    expect(passedOn(calm, records)).toEqual(['a: 2 @19', 'b: 7 @19', 'a: 4 @39'])
  })

  test('passes on a deletion, also of a row that comes back later', () => {
    const records = [
      ['a', 1, 5],
      ['a', null, 25],
      ['a', 2, 45],
      ['z', 0, 65],
    ] as const
    expect(passedOn(calm, records)).toEqual(['a: 1 @19', 'a: none @39', 'a: 2 @59'])
  })

  test('passes on nothing of a row that comes and goes, nor of one that is as it was', () => {
    const records = [
      ['a', 1, 5],
      ['b', 2, 6],
      ['b', null, 7],
      ['a', 3, 25],
      ['a', 1, 26],
      ['z', 0, 65],
      ['z', 0, 85],
    ] as const
    expect(passedOn(calm, records)).toEqual(['a: 1 @19', 'z: 0 @79'])
  })

  test('passes on a change that is behind time at the next multiple', () => {
    const records = [
      ['a', 1, 45],
      ['b', 2, 3],
      ['a', 4, 59],
      ['z', 0, 60],
    ] as const
    expect(passedOn(calm, records)).toEqual(['a: 4 @59', 'b: 2 @59'])
  })

  test('passes on a change that is ahead of time after its own time', () => {
    const others = topic('others', { key: string(), value: int32() })
    const merged = stream(numbers).merge(stream(others)).toTable('merged').every('calm', 20)
    const lists = new JobInLists(job('j', merged.changes().to(out)))
    const times = () => lists.topic('out').records.map(({ value, timestamp }) => `${value} @${timestamp}`)
    lists.append(others, 'b', 7, 5)
    lists.append(numbers, 'a', 1, 50)
    lists.append(numbers, 'c', 2, 70)
    lists.run()
    // The other topic has come to 5 only.
    lists.append(others, 'b', 7, 59)
    lists.run()
    expect(times()).toEqual(['7 @19'])
    lists.append(others, 'b', 7, 60)
    lists.run()
    expect(times()).toEqual(['7 @19', '1 @59'])
  })

  test('gives the steps behind the value that was passed on before as the old one', () => {
    const seen: unknown[] = []
    const records = [
      ['a', 1, 5],
      ['a', 2, 10],
      ['a', 3, 25],
      ['a', 4, 30],
      ['a', null, 45],
      ['z', 0, 65],
    ] as const
    expect(passedOn(noting(calm, seen), records)).toEqual(['a: 2 @19', 'a: 4 @39', 'a: none @59'])
    expect(seen).toEqual([2, 4, 2, 4])
  })

  test('keeps totals apart that a callback changes in place', () => {
    const seen: unknown[] = []
    const lists = stream(numbers)
      .groupByKey()
      .aggregate('lists', {
        init: (): number[] => [],
        add: (total, value) => {
          total.push(value)
          return total
        },
      })
      .every('calm', 20)
      .mapValues((total) => {
        seen.push([...total])
        return total.length
      })
    passedOn(lists, [
      ['a', 1, 5],
      ['a', 2, 20],
      ['a', 3, 21],
      ['a', 4, 45],
    ])
    expect(seen).toEqual([[1], [1, 2, 3], [1]])
  })

  test('passes on a row that failed after its next change, with the value that was passed on before', () => {
    const seen: unknown[] = []
    const checked = calm.filter((value) => {
      if (value === 7) throw new Error('broken')
      seen.push(value)
      return true
    })
    const records = [
      ['a', 3, 5],
      ['a', 7, 25],
      ['a', 15, 45],
      ['z', 0, 65],
    ] as const
    expect(passedOn(checked, records)).toEqual(['a: 3 @19', 'a: 15 @59'])
    expect(seen).toEqual([3, 15, 3])
  })

  test('can follow a table that changes every 10 ms, and have another one behind it', () => {
    const chain = latest.every('fast', 10).every('slow', 20)
    const records = [
      ['a', 1, 5],
      ['a', 2, 12],
      ['a', 3, 25],
      ['z', 0, 65],
    ] as const
    expect(passedOn(chain, records)).toEqual(['a: 2 @19', 'a: 3 @39'])
  })

  test('has rows that records are joined with, as they were passed on last', () => {
    const queries = topic('queries', { key: string(), value: string() })
    const answered = stream(queries).leftJoin('answers', calm, (query, row) => `${query}${row}`)
    const lists = new JobInLists(job('j', answered.to(topic('answers', { key: string(), value: string() }))))
    for (const [key, value, time] of [
      ['a', 1, 5],
      ['a', 2, 21],
      ['z', 0, 39],
      ['a', 3, 41],
    ] as const)
      lists.append(numbers, key, value, time)
    for (const [query, time] of [
      ['x', 15],
      ['y', 30],
      ['z', 42],
    ] as const)
      lists.append(queries, 'a', query, time)
    lists.run()
    expect(lists.topic('answers').records.map(({ value }) => `${value}`)).toEqual(['xnull', 'y1', 'z2'])
  })
})

test('the windows of a table that changes every 30 ms are kept until their last change is passed on', () => {
  const hours = stream(numbers)
    .groupByKey()
    .window(tumbling(100, { grace: 10, retention: 10 }))
    .reduce('sums', (a, b) => a + b)
  const sums = topic('sums-out', { key: windowed(string()), value: json<unknown>() })
  const seen: unknown[] = []
  const calm = hours.every('calm', 30).mapValues((sum) => {
    seen.push(sum)
    return sum
  })
  const lists = new JobInLists(job('j', calm.changes().to(sums)))
  const records = [
    ['a', 1, 5],
    ['a', 2, 99],
    // The window is closed at 110, and its last change is due at 120.
    ['z', 0, 109],
    ['a', 4, 98],
    ['z', 0, 119],
    ['z', 0, 160],
  ] as const
  for (const [key, value, time] of records) {
    lists.append(numbers, key, value, time)
    lists.run()
  }
  const passed = lists.topic('sums-out').records.map(({ key, value, timestamp }) => {
    const { key: own, window } = sums.key.decode(key ?? Buffer.of(), 0, key?.length ?? 0)
    return `${own} ${window.start}: ${value} @${timestamp}`
  })
  expect(passed).toEqual(['a 0: 1 @29', 'a 0: 7 @119', 'z 100: 0 @119'])
  expect(seen).toEqual([1, 7, 1, 0])
  // A window is deleted after the commit at which it has expired.
  lists.run()
  expect(lists.tasks[0]?.state.windowStore('calm').rows()).toEqual([['z', 100, 0]])
  const waiting = { key: 'z', window: { start: 100, end: 200 } }
  expect(lists.tasks[0]?.state.instantStore('calm.pending').rows()).toEqual([[waiting, 180, 0]])
})
