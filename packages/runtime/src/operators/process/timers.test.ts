import { int32, int64, job, json, stream, string, topic, tumbling, windowed } from '@millrace/core'
import { describe, expect, test } from 'vitest'
import { JobInLists } from '../../task/testing/job-in-lists.ts'
import { numbers, out, rows, run } from './testing/number-jobs.ts'

describe('event timers', () => {
  /** The first number of a record sets the timer; each that fires tells its time. */
  const timed = stream(numbers).process('timed', {
    value: json<unknown>(),
    onRecord(value, _key, { timers, emit, timestamp }) {
      if (value < 0) timers.one.cancel()
      else timers.one.at(value)
      emit(['record', timestamp])
    },
    timers: {
      one(_key, { emit, timestamp, isLate }) {
        emit(['timer', timestamp, isLate])
      },
    },
  })

  test('fire in the order of their times, then of their keys, before a record of their time; once', () => {
    const lists = run(job('j', timed.to(out)), ['b', 10, 1], ['a', 10, 2], ['c', 5, 3], ['z', 99, 10], ['z', 99, 11])
    expect(rows(lists)).toEqual([
      ['b', ['record', 1], 1],
      ['a', ['record', 2], 2],
      ['c', ['record', 3], 3],
      ['c', ['timer', 5, false], 5],
      ['a', ['timer', 10, false], 10],
      ['b', ['timer', 10, false], 10],
      ['z', ['record', 10], 10],
      ['z', ['record', 11], 11],
    ])
  })

  test('move if they are set again, and are cancelled', () => {
    const lists = run(job('j', timed.to(out)), ['a', 10, 1], ['b', 10, 1], ['a', 20, 2], ['b', -1, 2], ['z', 99, 30])
    expect(rows(lists).filter((row) => JSON.stringify(row).includes('timer'))).toEqual([
      ['a', ['timer', 20, false], 20],
    ])
  })

  test('fire at once, before the next record, if their time is over', () => {
    const lists = run(job('j', timed.to(out)), ['z', 99, 30], ['a', 7, 20], ['b', 30, 21], ['c', 3, 21])
    expect(rows(lists)).toEqual([
      ['z', ['record', 30], 30],
      ['a', ['record', 20], 20],
      ['a', ['timer', 7, true], 7],
      ['b', ['record', 21], 21],
      ['b', ['timer', 30, false], 30],
      ['c', ['record', 21], 21],
      ['c', ['timer', 3, true], 3],
    ])
  })

  test('that timers set fire in their order too', () => {
    const chain = stream(numbers).process('chain', {
      value: json<unknown>(),
      onRecord: (_value, _key, { timers }) => timers.first.at(10),
      timers: {
        first(_key, { timers, emit, timestamp }) {
          timers.second.after(5)
          timers.third.at(timestamp)
          emit('first')
        },
        second: (_key, { emit }) => emit('second'),
        third: (_key, { emit }) => emit('third'),
      },
    })
    const lists = run(job('j', chain.to(out)), ['a', 1, 1], ['b', 1, 2], ['z', 1, 40])
    expect(rows(lists).slice(0, 6)).toEqual([
      ['a', 'first', 10],
      ['a', 'third', 10],
      ['b', 'first', 10],
      ['b', 'third', 10],
      ['a', 'second', 15],
      ['b', 'second', 15],
    ])
  })
})

describe('wall timers', () => {
  test('fire when the wall clock has come to their time, at the event time of the step', () => {
    const step = stream(numbers).process('step', {
      value: json<unknown>(),
      onRecord: (value, _key, { timers }) => timers.flush.wallAfter(value),
      timers: { flush: (_key, { emit, wallTime }) => emit(wallTime) },
    })
    const lists = new JobInLists(job('j', step.to(out)))
    lists.append(numbers, 'a', 1000, 5)
    lists.append(numbers, 'b', 500, 7)
    lists.run()
    const [task] = lists.tasks
    const at = (now: number) => task?.pipeline.run(Number.POSITIVE_INFINITY, { monotonic: () => 0, now: () => now })
    at(499)
    expect(rows(lists)).toEqual([])
    at(600)
    expect(rows(lists)).toEqual([['b', 600, 7]])
    at(5000)
    at(9000)
    expect(rows(lists)).toEqual([
      ['b', 600, 7],
      ['a', 5000, 7],
    ])
  })
})

describe('time behind a step with timers', () => {
  /** Counts what the step emits, in windows that take no late records. */
  function counted(emitAt: (timestamp: number) => number) {
    const step = stream(numbers).process('step', {
      value: int32(),
      onRecord: (_value, _key, { timers, timestamp }) => timers.echo.at(timestamp + 25),
      timers: { echo: (_key, { emit, timestamp }) => emit(1, emitAt(timestamp)) },
    })
    const counts = step.groupByKey().window(tumbling(10)).count('counts', { emit: 'final' })
    const lists = new JobInLists(
      job('j', counts.changes().to(topic('out', { key: windowed(string()), value: int64() }))),
    )
    for (const [at, key] of ['a', 'b', 'c', 'd'].entries()) lists.append(numbers, key, 1, at * 10)
    lists.append(numbers, 'z', 1, 1000)
    lists.run()
    return { late: lists.tasks[0]?.counts.late, times: lists.topic('out').records.map(({ timestamp }) => timestamp) }
  }

  test('does not pass a timer that is set: what it emits is not late, however far time jumps', () => {
    expect(counted((timestamp) => timestamp)).toEqual({ late: 0, times: [29, 39, 49, 59] })
  })

  test('passes what a timer emits with an earlier time', () => {
    expect(counted((timestamp) => timestamp - 20)).toEqual({ late: 4, times: [] })
  })

  test('is the time of its records if no timer is set', () => {
    expect(counted(() => 1001)).toEqual({ late: 0, times: [] })
  })
})
