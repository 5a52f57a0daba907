import {
  int32,
  type Job,
  job,
  json,
  sessions,
  stream,
  string,
  type Table,
  topic,
  tumbling,
  windowed,
} from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const out = topic('out', { key: windowed(string()), value: json<unknown>() })
const grouped = stream(numbers).groupByKey()
const sum = {
  init: () => 0,
  add: (total: number, value: number) => total + value,
  merge: (a: number, b: number) => a + b,
}

/** Takes records `[key, value, time]`; returns what the job has passed on: `a 0-100: 3 @19`. */
function passedOn(theJob: Job, records: readonly (readonly [string, number, number])[]): string[] {
  const lists = new JobInLists(theJob)
  for (const [key, value, time] of records) lists.append(numbers, key, value, time)
  lists.run()
  return lists.topic('out').records.map(({ key, value, timestamp }) => {
    const { key: own, window } = out.key.decode(key ?? Buffer.of(), 0, key?.length ?? 0)
    return `${own} ${window.start}-${window.end}: ${value === null ? 'none' : value.toString()} @${timestamp}`
  })
}

function jobOf(table: Table<{ key: string; window: { start: number; end: number } }, unknown>): Job {
  return job('j', table, table.changes().to(out))
}

describe('results that are emitted every 20 ms', () => {
  const every = { emit: { every: 20 } } as const
  const windows = (grace = 0) => grouped.window(tumbling(100, { grace })).aggregate('sums', { ...sum, ...every })

  test('are the totals as of each multiple, of the windows that have changed', () => {
    const records = [
      ['a', 1, 5],
      ['a', 2, 10],
      ['b', 7, 19],
      ['a', 4, 20],
      ['z', 0, 65],
      ['z', 0, 85],
    ] as const
    expect(passedOn(jobOf(windows()), records)).toEqual([
      'a 0-100: 3 @19',
      'b 0-100: 7 @19',
      'a 0-100: 7 @39',
      'z 0-100: 0 @79',
    ])
  })

  test('end with the last total of each window, when it closes', () => {
    const records = [
      ['a', 1, 85],
      ['a', 2, 99],
      ['z', 0, 104],
      ['a', 4, 98],
      ['z', 0, 109],
      ['z', 0, 110],
    ] as const
    // The window closes at 110, and the total that was due then has the last time inside it.
    expect(passedOn(jobOf(windows(10)), records)).toEqual(['a 0-100: 3 @99', 'a 0-100: 7 @99'])
  })

  test('have nothing of a session that was joined to another one before it was passed on', () => {
    const visits = grouped.window(sessions({ gap: 10, grace: 100 })).aggregate('sums', { ...sum, ...every })
    const records = [
      ['a', 1, 21],
      ['a', 2, 30],
      ['z', 0, 41],
      ['a', 4, 48],
      ['a', 8, 39],
      ['z', 0, 60],
    ] as const
    expect(passedOn(jobOf(visits), records)).toEqual([
      'a 21-40: 3 @39',
      'a 21-40: none @39',
      'a 21-58: 15 @57',
      'z 41-51: 0 @50',
    ])
  })

  test('give the steps behind the value that was passed on before as the old one', () => {
    const seen: unknown[] = []
    const table = windows().filter(
      (total) => {
        seen.push(total)
        return true
      },
      { name: 'kept' },
    )
    passedOn(jobOf(table), [
      ['a', 1, 5],
      ['a', 2, 10],
      ['a', 4, 20],
      ['a', 8, 21],
      ['a', 16, 45],
    ])
    // A filter is called for the new and for the old value.
    expect(seen).toEqual([3, 15, 3])
  })

  test('leave totals as they were that a callback changes in place', () => {
    const seen: unknown[] = []
    const lists = grouped
      .window(tumbling(100))
      .aggregate('lists', {
        init: (): number[] => [],
        add: (total, value) => {
          total.push(value)
          return total
        },
        ...every,
      })
      .mapValues((total) => {
        seen.push([...total])
        return total.length
      })
    passedOn(job('j', lists.changes().to(out)), [
      ['a', 1, 5],
      ['a', 2, 20],
      ['a', 3, 21],
      ['a', 4, 45],
    ])
    expect(seen).toEqual([[1], [1, 2, 3], [1]])
  })

  test('a result that failed is passed on with the next change of its window, with the right old value', () => {
    const seen: unknown[] = []
    const table = windows().filter((total) => {
      if (total === 7) throw new Error('broken')
      seen.push(total)
      return true
    })
    const theJob = job('j', table.changes().to(out)).onError({ callback: 'skip' })
    const records = [
      ['a', 3, 5],
      ['a', 4, 25],
      ['a', 8, 45],
      ['z', 0, 65],
    ] as const
    expect(passedOn(theJob, records)).toEqual(['a 0-100: 3 @19', 'a 0-100: 15 @59'])
    expect(seen).toEqual([3, 15, 3])
  })
})
