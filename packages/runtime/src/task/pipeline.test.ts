import { int32, job, stream, string, topic, tumbling } from '@millrace/core'
import { describe, expect, test, vi } from 'vitest'
import type { ClockedOperator } from '../operators/time/clocked.ts'
import { CurrentRecord } from './current-record.ts'
import { ErrorPolicyHandler } from './error-policy.ts'
import { CombinedTime } from './event-time.ts'
import { Pipeline } from './pipeline.ts'
import { TaskClock } from './task-clock.ts'
import { RunningCounts } from './task-counts.ts'
import { JobInLists, STOPPED_CLOCK } from './testing/job-in-lists.ts'
import { valuesOf } from './testing/listed-partition.ts'
import { MapState } from './testing/map-state.ts'
import { UnitOfWork } from './unit-of-work.ts'
import { UnitRunner } from './unit-runner.ts'

const numbers = topic('numbers', { key: string(), value: int32(), aheadMax: 'unlimited' })
const out = topic('out', { key: string(), value: int32() })

describe('a pipeline', () => {
  test('runs a job of several tasks without a log, a disk or a clock', () => {
    const sums = stream(numbers)
      .groupBy((value) => `${value % 2}`, string())
      .window(tumbling(10))
      .reduce('sums', (a, b) => a + b, { emit: 'final' })
    const results = sums
      .changes()
      .map((sum, { key, window }) => [`${key}@${window.start}`, sum], { key: string(), value: int32() })
    const run = new JobInLists(job('j', results.to(out)))
    for (const [at, value] of [1, 2, 3, 4, 20].entries()) run.append(numbers, 'k', value, value === 20 ? 30 : at)
    run.run()
    expect(run.tasks.map(({ id }) => id)).toEqual(['numbers', 'j.sums.repartition'])
    const found = run
      .topic('out')
      .records.map(({ key, value, timestamp }) => [`${key}`, value?.readInt32BE(0), timestamp])
    expect(found).toEqual([
      ['0@0', 6, 9],
      ['1@0', 4, 9],
    ])
    expect(run.tasks.map(({ pipeline }) => [pipeline.atEnd, pipeline.watermark])).toEqual([
      [true, 30],
      [true, 30],
    ])
  })

  test('passes a stream that feeds two ports of a step to both', () => {
    const twice = stream(numbers).mapValues((value) => value + 1)
    const run = new JobInLists(job('j', twice.merge(twice).to(out)))
    run.append(numbers, 'k', 1, 0)
    run.run()
    expect(valuesOf(run.topic('out').records)).toEqual([2, 2])
  })

  test('has no effect by looking at what is next', () => {
    const counts = stream(numbers)
      .groupBy((value) => `${value}`, string())
      .count('counts')
    const run = new JobInLists(job('j', counts))
    run.append(numbers, 'k', 1, 5)
    const [first, second] = run.tasks
    first?.pipeline.run(Number.POSITIVE_INFINITY, STOPPED_CLOCK)
    first?.pipeline.freeze()
    run.topic('numbers').append(6, Buffer.from('k'), 0, 1, 'not four bytes', string(), [])
    expect(first?.pipeline.inputs[0]?.head).toBe('notice')
    // A record, and behind it the marker of the commit.
    expect(run.topic('j.counts.repartition').records).toHaveLength(2)
    const input = second?.pipeline.inputs[0]
    for (const head of ['record', 'notice', 'none']) {
      const before = JSON.stringify(input?.checkpoint())
      expect([input?.head, input?.head]).toEqual([head, head])
      expect(JSON.stringify(input?.checkpoint())).toBe(before)
      // Time is up at once, so it does one thing.
      second?.pipeline.run(0, STOPPED_CLOCK)
    }
    expect(input?.offset).toBe(2)
    expect(first?.counts).toMatchObject({ processed: 1, undecodable: 0, keyless: 0 })
  })

  test('looks at an input that is at its end once in a slice, however many records another one has', () => {
    const others = topic('others', { key: string(), value: int32(), aheadMax: 'unlimited' })
    const run = new JobInLists(job('j', stream(numbers).merge(stream(others)).to(out)))
    for (let n = 0; n < 100; n++) run.append(numbers, 'k', n, n)
    run.append(others, 'k', 1000, 50)
    const [task] = run.tasks
    const ended = task?.pipeline.inputs.find((input) => input.topic === 'others')
    if (ended === undefined) throw new Error('The task does not read the topic others')
    const looks = vi.spyOn(ended, 'head', 'get')
    const slice = () => task?.pipeline.run(Number.POSITIVE_INFINITY, STOPPED_CLOCK)
    expect(slice()).toBe(101)
    const results = valuesOf(run.topic('out').records)
    expect(results.slice(49, 53)).toEqual([49, 50, 1000, 51])
    expect(looks.mock.results.filter(({ value }) => value === 'none')).toHaveLength(1)
    run.append(others, 'k', 1001, 60)
    expect(slice()).toBe(1)
    expect(valuesOf(run.topic('out').records).at(-1)).toBe(1001)
  })

  test('ends its slice when the time is up, also amid records that it leaves out', () => {
    const run = new JobInLists(job('j', stream(numbers).to(out)).onError({ undecodable: 'skip' }))
    const bad = Buffer.from('k')
    for (let n = 0; n < 1000; n++) run.topic('numbers').append(n, bad, 0, 1, 'bad', string(), [])
    const [task] = run.tasks
    let now = 0
    const done = task?.pipeline.run(5, { ...STOPPED_CLOCK, monotonic: () => now++ })
    expect(done).toBeGreaterThan(0)
    expect(done).toBeLessThan(500)
    expect(task?.counts.undecodable).toBe(done)
    expect(task?.pipeline.atEnd).toBe(false)
  })
})

test('a step that goes by the wall clock has its turn amid records, however many there are', () => {
  const run = new JobInLists(job('j', stream(numbers).groupByKey().count('counts')))
  for (let n = 0; n < 1000; n++) run.append(numbers, 'k', n, n)
  const [input] = run.tasks[0]?.pipeline.inputs ?? []
  const turns: (number | undefined)[] = []
  const time = new CombinedTime('none', [], 0)
  const operator: ClockedOperator = {
    name: 'wall',
    time,
    emits: false,
    dueAt: Number.POSITIVE_INFINITY,
    wallDueAt: 5,
    step: () => {
      turns.push(input?.offset)
      Object.assign(operator, { wallDueAt: Number.POSITIVE_INFINITY })
      return 1
    },
    save: () => undefined,
    resume: () => undefined,
  }
  const record = new CurrentRecord()
  const counts = new RunningCounts()
  const unit = new UnitOfWork({ state: new MapState([]), record, counts }, false)
  const units = new UnitRunner(
    unit,
    record,
    new ErrorPolicyHandler({ job: 'j', errors: run.job.errors }, counts, new Map(), new Map()),
  )
  const clock = new TaskClock([], [operator])
  const inputs = input === undefined ? [] : [input]
  const pipeline = new Pipeline({
    inputs,
    globals: [],
    clock,
    time,
    units,
    record,
    counts,
    markers: [],
    sources: {},
    fence: undefined,
  })
  let now = 0
  expect(pipeline.run(Number.POSITIVE_INFINITY, { ...STOPPED_CLOCK, now: () => now++ })).toBe(1001)
  expect(turns).toHaveLength(1)
  expect(turns[0]).toBeGreaterThan(0)
  expect(turns[0]).toBeLessThan(500)
})
