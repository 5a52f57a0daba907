import { int32, int64, job, json, listState, mapState, stream, string, topic, valueState } from '@millrace/core'
import { expect, test } from 'vitest'
import { numbers, out, rows, run } from './testing/number-jobs.ts'

test('state of a task is shared by all of its keys, and what it emits has the keys that callbacks choose', () => {
  const step = stream(numbers).processTask('step', {
    key: string(),
    value: json<unknown>(),
    outputs: { pairs: json<unknown>() },
    state: { count: valueState(int64()), last: mapState(string(), int32()) },
    onRecord(value, key, { state: { count, last }, emit, outputs }) {
      count.set((count.get() ?? 0) + 1)
      last.set(key, value)
      emit(`${key}!`, [count.get(), [...last.entries()]])
      outputs.pairs.emit(`pair of ${key}`, value, 77)
    },
  })
  const side = topic('side', { key: string(), value: json<unknown>() })
  const lists = run(job('j', step.to(out), step.outputs.pairs.to(side)), ['b', 1, 0], ['a', 2, 1], ['b', 3, 2])
  expect(rows(lists)).toEqual([
    ['b!', [1, [['b', 1]]], 0],
    [
      'a!',
      [
        2,
        [
          ['a', 2],
          ['b', 1],
        ],
      ],
      1,
    ],
    [
      'b!',
      [
        3,
        [
          ['a', 2],
          ['b', 3],
        ],
      ],
      2,
    ],
  ])
  expect(rows(lists, 'side')[0]).toEqual(['pair of b', 1, 77])
})

test('a task has one timer of each name: a buffer that is emptied at times', () => {
  const step = stream(numbers).processTask('step', {
    value: json<unknown>(),
    state: { buffer: listState(json<[string, number]>(), { max: 100 }) },
    onRecord(value, key, { state: { buffer }, timers, timestamp }) {
      buffer.add([key, value])
      if (timers.flush.armed === undefined) timers.flush.at(timestamp + 10)
    },
    onTombstone: (key, { emit }) => emit(key, 'deleted'),
    timers: {
      flush({ state: { buffer }, emit, timestamp }) {
        for (const [key, value] of buffer.values()) emit(key, [value, timestamp])
        buffer.clear()
      },
    },
  })
  const lists = run(job('j', step.to(out)), ['a', 1, 0], ['b', 2, 5], ['c', null, 6], ['a', 3, 10], ['b', 4, 40])
  expect(rows(lists)).toEqual([
    ['c', 'deleted', 6],
    ['a', [1, 10], 10],
    ['b', [2, 10], 10],
    ['a', [3, 20], 20],
  ])
})

test('records without a key are processed too', () => {
  const keyless = topic('numbers', { value: int32(), aheadMax: 'unlimited' })
  const step = stream(keyless).processTask('step', {
    key: string(),
    value: int32(),
    onRecord: (value, _key, { emit }) => emit(`k${value % 2}`, value),
  })
  expect(rows(run(job('j', step.to(out)), ['x', 1, 0], ['x', 2, 1]))).toEqual([
    ['k1', 1, 0],
    ['k0', 2, 1],
  ])
})

test('a key that is undefined is an error of the record', () => {
  const step = stream(numbers).processTask('step', {
    value: int32(),
    onRecord: (value, _key, { emit }) => emit(undefined as never, value),
  })
  expect(() => run(job('j', step.to(out)), ['a', 1, 0])).toThrow(/emitted the key undefined/)
})

test('keys that callbacks chose meet in a repartition topic before they are counted', () => {
  const step = stream(numbers).processTask('step', {
    value: int32(),
    onRecord: (value, key, { emit }) => emit(key, value),
  })
  const lists = run(job('j', step.groupByKey().count('counts')), ['a', 1, 0], ['a', 2, 1])
  lists.run()
  expect(lists.tasks.at(-1)?.state.rows('counts')).toEqual({ a: 2 })
  expect(lists.topic('j.counts.repartition').records.length).toBeGreaterThan(2)
})
