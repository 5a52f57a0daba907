import { deadLetter, int32, job, json, listState, mapState, stream, string, topic, valueState } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { numbers, out, type Row, rows, run } from './testing/number-jobs.ts'

const side = topic('side', { key: string(), value: json<unknown>() })

describe('a step', () => {
  test('emits to its side outputs, in the order of its calls, with other times if it says so', () => {
    const step = stream(numbers).process('step', {
      value: json<unknown>(),
      outputs: { odd: json<unknown>(), none: json<unknown>() },
      onRecord(value, _key, { emit, outputs, timestamp }) {
        if (value % 2 === 1) outputs.odd.emit(value, timestamp + 100)
        emit(value)
        emit(null)
      },
    })
    const lists = run(job('j', step.to(out), step.outputs.odd.to(side)), ['a', 1, 0], ['a', 2, 1])
    expect(rows(lists)).toEqual([
      ['a', 1, 0],
      ['a', null, 0],
      ['a', 2, 1],
      ['a', null, 1],
    ])
    expect(rows(lists, 'side')).toEqual([['a', 1, 100]])
  })

  test('sees deletions only in the callback for them', () => {
    const options = {
      value: json<unknown>(),
      onRecord: (value: number, _key: string, { emit }: { emit: (value: unknown) => void }) => emit(value),
    }
    const records: Row[] = [
      ['a', 1, 0],
      ['a', null, 1],
    ]
    const ending = stream(numbers).process('step', options)
    expect(rows(run(job('j', ending.to(out)), ...records))).toEqual([['a', 1, 0]])
    const withTombstones = stream(numbers).process('step', {
      ...options,
      onTombstone: (key, { emit }) => emit(`${key} is deleted`),
    })
    expect(rows(run(job('j', withTombstones.to(out)), ...records))).toEqual([
      ['a', 1, 0],
      ['a', 'a is deleted', 1],
    ])
  })

  test('knows whether a record is out of order', () => {
    const step = stream(numbers).process('step', {
      value: json<unknown>(),
      onRecord: (_value, _key, { emit, watermark, isLate }) => emit([watermark, isLate]),
    })
    const lists = run(job('j', step.to(out)), ['a', 1, 10], ['a', 1, 7], ['a', 1, 10])
    expect(rows(lists).map((row) => row[1])).toEqual([
      [10, false],
      [10, true],
      [10, false],
    ])
  })
})

describe('a call that fails', () => {
  const step = stream(numbers).process('step', {
    value: json<unknown>(),
    state: {
      sum: valueState(int32()),
      all: listState(int32(), { max: 9 }),
      seen: mapState(string(), int32(), { ttl: '1d' }),
    },
    onRecord(value, key, { state: { sum, all, seen }, timers, emit }) {
      sum.set((sum.get() ?? 0) + value)
      all.add(value)
      seen.set(`${value}`, value)
      timers.report.at(value)
      emit(value)
      if (value === 13 && key === 'a') throw new Error('unlucky')
    },
    timers: {
      report(_key, { state: { sum, all, seen }, timers, emit }) {
        emit([sum.get(), all.values(), [...seen.entries()].length, timers.report.armed ?? null])
        if (sum.get() === 3) {
          sum.set(100)
          timers.report.at(50)
          throw new Error('three')
        }
      },
    },
  })
  const records: Row[] = [
    ['a', 5, 1],
    ['a', 13, 2],
    ['b', 3, 2],
    ['a', 20, 11],
    ['z', 99, 60],
  ]

  test('leaves state, timers and outputs as they were', () => {
    const lists = run(job('j', step.to(out)).onError({ callback: 'skip' }), ...records)
    expect(rows(lists)).toEqual([
      ['a', 5, 1],
      ['b', 3, 2],
      // At 5 the timer of `a` fires; the one of 13 was never set.
      ['a', [5, [5], 1, null], 5],
      ['a', 20, 11],
      ['a', [25, [5, 20], 2, null], 20],
      ['z', 99, 60],
    ])
    expect(lists.tasks[0]?.counts).toMatchObject({ failed: 2 })
  })

  test('becomes a dead letter: a timer with its key, its name and its time', () => {
    const lists = run(job('j', step.to(out)).onError({ callback: deadLetter('dead') }), ...records)
    const letters = lists.topic('dead').records
    expect(letters.map(({ key, timestamp }) => [`${key}`, timestamp])).toEqual([
      ['a', 2],
      ['b', 3],
    ])
    expect(`${letters[1]?.value}`).toBe('report')
  })

  test('stops the job, and names the step and the key', () => {
    expect(() => run(job('j', step.to(out)), ...records)).toThrow(/process "step" threw: unlucky .*offset 1/)
    expect(() => run(job('j', step.to(out)), ...records.filter(([, value]) => value !== 13))).toThrow(
      /process "step" threw: three \(result of process "step" for key "b"\)/,
    )
  })

  test.each([
    ['returns a promise', async () => undefined, /returned a promise/],
    [
      'sets null',
      (_v: number, _k: string, c: { state: { x: { set(value: unknown): void } } }) => c.state.x.set(null),
      /kept null/,
    ],
    [
      'emits undefined',
      (_v: number, _k: string, c: { emit(value: unknown): void }) => c.emit(undefined),
      /emitted undefined/,
    ],
    [
      'emits at a time that is none',
      (_v: number, _k: string, c: { emit(value: unknown, at: number): void }) => c.emit(1, 0.5),
      /the time 0.5/,
    ],
    [
      'sets a timer for a time that is none',
      (_v: number, _k: string, c: { timers: { t: { at(time: number): void } } }) => c.timers.t.at(-1),
      /set timer "t" for the time -1/,
    ],
    [
      'waits for something that is no duration',
      (_v: number, _k: string, c: { timers: { t: { after(delay: number): void } } }) => c.timers.t.after(-1),
      /not a duration/,
    ],
  ])('because it %s says so', (_what, onRecord, message) => {
    const wrong = stream(numbers).process('wrong', {
      value: json<unknown>(),
      state: { x: valueState(json<unknown>()) },
      onRecord: onRecord as never,
      timers: { t: () => undefined },
    })
    expect(() => run(job('j', wrong.to(out)), ['a', 1, 0])).toThrow(message)
  })

  test('because it uses a context that it has kept says so', () => {
    let kept: (() => void) | undefined
    let walk: Iterator<unknown> | undefined
    const wrong = stream(numbers).process('wrong', {
      value: json<unknown>(),
      state: { x: valueState(int32()), m: mapState(string(), int32()) },
      onRecord(value, _key, { state, emit }) {
        state.m.set(`${value}`, value)
        if (walk !== undefined) walk.next()
        walk = state.m.entries()[Symbol.iterator]()
        walk.next()
        kept = () => {
          state.x.set(1)
          emit(1)
        }
      },
    })
    run(job('j', wrong.to(out)), ['a', 1, 0])
    expect(() => kept?.()).toThrow(/used its context after it had returned/)
    walk = undefined
    const two = () => run(job('j', wrong.to(out)), ['a', 1, 0], ['a', 2, 0])
    expect(two).toThrow(/a walk over a map that another call had begun/)
  })
})
