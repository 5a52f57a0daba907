import { int32, job, json, stream, string, topic, valueState } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { IDENTITY_HEADER } from '../../task/record-identity.ts'
import { JobInLists, STOPPED_CLOCK } from '../../task/testing/job-in-lists.ts'
import { numbers, out, rows, run } from './testing/number-jobs.ts'

/** Timers that fire in order, at once, from each other, and by the wall clock: each emits what it is. */
const timed = stream(numbers).process('timed', {
  value: json<unknown>(),
  onRecord(value, _key, { timers, timestamp, emit }) {
    if (value % 2 === 0) timers.later.at(timestamp + value)
    else timers.over.at(Math.max(0, timestamp - value))
    timers.wall.wallAt(value % 5)
    emit('record')
  },
  timers: {
    later(_key, { timers, emit, timestamp }) {
      emit('later')
      timers.next.at(timestamp)
    },
    over: (_key, { emit }) => emit('over'),
    next: (_key, { emit }) => emit('next'),
    wall: (_key, { emit }) => emit('wall'),
  },
})

describe('what a step emits', () => {
  test('is numbered behind a repartition topic without ever going back, by its records, timers and wall timers', () => {
    const counted = timed.groupBy((_value, key) => `of ${key}`, string()).count('counts')
    const lists = new JobInLists(job('j', counted))
    for (let at = 0; at < 60; at++) lists.append(numbers, `k${at % 3}`, (at * 37) % 23, at - (at % 7))
    const [first] = lists.tasks
    while ((first?.pipeline.run(0, { monotonic: () => 0, now: () => 100 }) ?? 0) > 0);
    const last = new Map<number, readonly number[]>()
    let numbered = 0
    for (const { headers } of lists.topic('j.counts.repartition').records) {
      const [, bytes] = headers.find(([name]) => name === IDENTITY_HEADER) ?? []
      if (bytes === undefined || bytes === null) continue
      const identity = Buffer.from(bytes)
      const place = [identity.readUInt32BE(8), identity.readUInt32BE(12), identity.readUInt32BE(16)]
      const input = identity.readUInt32BE(4)
      expect(compare(last.get(input) ?? [0, 0, -1], place)).toBeLessThan(0)
      last.set(input, place)
      numbered++
    }
    expect(last.size).toBe(3)
    expect(numbered).toBeGreaterThan(120)
  })

  test('waits, with all of its call, for a topic that a record names', async () => {
    const lists = new JobInLists(
      job(
        'j',
        timed.to((value) => `${value}`, { key: string(), value: json<unknown>() }),
      ),
    )
    for (const name of ['record', 'later', 'next', 'over', 'wall']) lists.topic(name)
    for (let at = 0; at < 30; at++) lists.append(numbers, 'a', at % 4, at)
    const [task] = lists.tasks
    do {
      task?.pipeline.run(Number.POSITIVE_INFINITY, STOPPED_CLOCK)
      await task?.pipeline.blocked
    } while (task?.pipeline.atEnd === false)
    const direct = run(job('j', timed.to(out)), ...Array.from({ length: 30 }, (_, at) => ['a', at % 4, at] as const))
    const expected = (kind: string) => rows(direct).filter(([, value]) => value === kind)
    for (const kind of ['record', 'later', 'next', 'over']) expect(rows(lists, kind)).toEqual(expected(kind))
  })

  test('has its time for the callbacks behind', () => {
    const step = stream(numbers).process('step', {
      value: int32(),
      onRecord(value, _key, { emit, timestamp }) {
        emit(value, timestamp + 5)
        emit(value)
      },
    })
    const times = step.mapValues((_value, _key, { timestamp }) => timestamp)
    expect(rows(run(job('j', times.to(out)), ['a', 1, 10]))).toEqual([
      ['a', 15, 15],
      ['a', 10, 10],
    ])
  })
})

test('a timer whose record a sink refuses has had no effect under skip, in its state and in other outputs', () => {
  const step = stream(numbers).process('step', {
    value: int32(),
    state: { fired: valueState(int32()) },
    onRecord: (value, _key, { timers }) => timers.late.after(value),
    timers: {
      late(key, { state: { fired }, timers, emit }) {
        fired.set((fired.get() ?? 0) + 1)
        timers.late.after(100)
        emit(key === 'b' && fired.get() === 1 ? 13 : (fired.get() ?? 0))
      },
    },
  })
  const unlucky = {
    ...int32(),
    encode: (...[value, into]: Parameters<ReturnType<typeof int32>['encode']>) => {
      if (value === 13) throw new Error('unlucky')
      int32().encode(value, into)
    },
  }
  const first = topic('first', { key: string(), value: json<unknown>() })
  const made = job('j', step.to(first), step.to(topic('out', { key: string(), value: unlucky })))
  const lists = run(
    made.onError({ callback: 'skip' }),
    ['a', 5, 0],
    ['b', 6, 0],
    ['b', 7, 50],
    ['z', 99, 60],
    ['z', 99, 110],
  )
  expect(rows(lists, 'first')).toEqual([
    ['a', 1, 5],
    // The timer of `b` at 6 has fired without an effect: it has set no other, and at 57 the state was empty, and it failed again.
    ['a', 2, 105],
  ])
  expect(lists.tasks[0]?.counts).toMatchObject({ failed: 2 })
})

test('behind a repartition topic, a record has the watermark of the source partition that it came from', () => {
  const step = stream(numbers)
    .keyBy((value) => `k${value}`, string())
    .process('step', {
      value: json<unknown>(),
      state: { last: valueState(int32(), { ttl: 10 }) },
      onRecord(value, _key, { emit, watermark, isLate, state }) {
        emit([watermark, isLate, state.last.get() ?? null])
        state.last.set(value)
      },
    })
  const lists = run(job('j', step.to(out)), ['a', 1, 10], ['a', 1, 7], ['b', 1, 20], ['a', 1, 19])
  lists.run()
  expect(rows(lists).map(([, value]) => value)).toEqual([
    [10, false, null],
    [10, true, 1],
    [20, false, null],
    [20, true, 1],
  ])
})

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((part, index) => part !== b[index])
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0)
}
