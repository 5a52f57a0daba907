import { int32, int64, job, json, listState, mapState, stream, string, valueState } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'
import { numbers, out, type Row, rows, run } from './testing/number-jobs.ts'

describe('state', () => {
  test('is kept for each key: a value, a list with a maximum, and a map in the order of its keys', () => {
    const step = stream(numbers).process('step', {
      value: json<unknown>(),
      state: { last: valueState(int32()), recent: listState(int32(), { max: 2 }), counts: mapState(string(), int64()) },
      onRecord(value, _key, { state: { last, recent, counts }, emit }) {
        recent.add(value)
        const kind = value % 2 === 0 ? 'even' : 'odd'
        counts.set(kind, (counts.get(kind) ?? 0) + 1)
        emit([last.get() ?? null, recent.values(), recent.length, [...counts.entries()]])
        last.set(value)
      },
    })
    const lists = run(job('j', step.to(out)), ['a', 1, 0], ['b', 2, 0], ['a', 3, 1], ['a', 4, 2])
    expect(rows(lists)).toEqual([
      ['a', [null, [1], 1, [['odd', 1]]], 0],
      ['b', [null, [2], 1, [['even', 1]]], 0],
      ['a', [1, [1, 3], 2, [['odd', 2]]], 1],
      [
        'a',
        [
          3,
          [3, 4],
          2,
          [
            ['even', 1],
            ['odd', 2],
          ],
        ],
        2,
      ],
    ])
  })

  test('can be deleted', () => {
    const step = stream(numbers).process('step', {
      value: json<unknown>(),
      state: { last: valueState(int32()), recent: listState(int32(), { max: 2 }), counts: mapState(string(), int64()) },
      onRecord(value, _key, { state: { last, recent, counts }, emit }) {
        if (value === 0) {
          last.delete()
          recent.clear()
          counts.clear()
        } else if (value < 0) counts.delete(`${-value}`)
        else {
          last.set(value)
          recent.add(value)
          counts.set(`${value}`, value)
        }
        emit([last.get() ?? null, recent.values(), [...counts.entries()].map(([key]) => key), counts.has('1')])
      },
    })
    const records = [1, 2, -1, 0].map((value, at): Row => ['a', value, at])
    expect(rows(run(job('j', step.to(out)), ...records)).map((row) => row[1])).toEqual([
      [1, [1], ['1'], true],
      [2, [1, 2], ['1', '2'], true],
      [2, [1, 2], ['2'], false],
      [null, [], [], false],
    ])
  })

  test('with a time to live is gone once the later of the time of a call and the watermark is so much after the write', () => {
    const step = stream(numbers).process('step', {
      value: json<unknown>(),
      state: {
        last: valueState(int32(), { ttl: 10 }),
        recent: listState(int32(), { max: 9, ttl: 10 }),
        counts: mapState(string(), int64(), { ttl: 10 }),
      },
      onRecord(value, key, { state: { last, recent, counts }, emit }) {
        if (key === 'a') emit([last.get() ?? null, recent.values(), [...counts.entries()]])
        if (value === 0) return
        last.set(value)
        recent.add(value)
        counts.set(`${value}`, value)
      },
    })
    const lists = run(
      job('j', step.to(out)),
      ['a', 1, 0],
      ['a', 2, 5],
      ['a', 0, 9],
      ['a', 0, 10],
      ['a', 0, 14],
      ['b', 0, 15],
      ['a', 0, 12],
    )
    expect(rows(lists).map((row) => row[1])).toEqual([
      [null, [], []],
      [1, [1], [['1', 1]]],
      [
        2,
        [1, 2],
        [
          ['1', 1],
          ['2', 2],
        ],
      ],
      [2, [2], [['2', 2]]],
      [2, [2], [['2', 2]]],
      // The watermark is 15 already.
      [null, [], []],
    ])
  })

  test('that is gone leaves the store, without a look at what stays', () => {
    const step = stream(numbers).process('step', {
      state: { last: valueState(int32(), { ttl: 160 }), counts: mapState(string(), int64(), { ttl: 160 }) },
      onRecord(value, _key, { state: { last, counts } }) {
        last.set(value)
        counts.set('x', value)
      },
    })
    const made = job('j', step.views.last)
    const lists = new JobInLists(made)
    for (let at = 0; at < 300; at++) lists.append(numbers, `k${at}`, at, at)
    lists.run()
    lists.run()
    const kept = Array.from({ length: 300 }, (_, at) => `k${at}`).filter(
      (_, at) => Math.ceil((at + 160) / 10) * 10 > 299,
    )
    expect(Object.keys(lists.tasks[0]?.state.rows('step.last') ?? {})).toEqual(kept)
    expect(Object.keys(lists.tasks[0]?.state.rows('step.counts') ?? {})).toEqual(kept.map((key) => `${key},x`))
  })

  test('that a callback changes in place stays as it is until it is set', () => {
    const step = stream(numbers).process('step', {
      value: json<unknown>(),
      state: { total: valueState(json<{ sum: number }>()), all: listState(json<{ n: number }>(), { max: 9 }) },
      onRecord(value, _key, { state: { total, all }, emit }) {
        const now = total.get() ?? { sum: 0 }
        now.sum += value
        for (const each of all.values()) each.n = -1
        all.add({ n: value })
        if (value !== 2) total.set(now)
        emit([total.get(), all.values()])
      },
    })
    const lists = run(job('j', step.to(out)), ['a', 1, 0], ['a', 2, 1], ['a', 3, 2])
    expect(rows(lists).map((row) => row[1])).toEqual([
      [{ sum: 1 }, [{ n: 1 }]],
      [{ sum: 1 }, [{ n: 1 }, { n: 2 }]],
      [{ sum: 4 }, [{ n: 1 }, { n: 2 }, { n: 3 }]],
    ])
  })
})
