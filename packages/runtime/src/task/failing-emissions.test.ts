import {
  deadLetter,
  type ErrorPolicy,
  int32,
  type Job,
  job,
  type Output,
  RecordError,
  type Stream,
  stream,
  string,
  topic,
  tumbling,
} from '@millrace/core'
import { type FailedResult, readDeadLetter } from '@millrace/core/internal'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Finals } from '../operators/time/finals.ts'
import { JobInLists, STOPPED_CLOCK } from './testing/job-in-lists.ts'
import { valuesOf } from './testing/listed-partition.ts'

const numbers = topic('numbers', { key: string(), value: int32(), aheadMax: 'unlimited' })
const out = topic('out', { key: string(), value: int32() })

/** Sums of windows, once they have closed. */
function sums(name: string): Stream<string, number> {
  return stream(numbers)
    .groupByKey()
    .window(tumbling(10))
    .reduce(name, (a, b) => a + b, { emit: 'final' })
    .changes()
    .map((sum, { key }) => [key, sum], { key: string(), value: int32() })
}

/** Makes records for three keys: of source records, or when time has come. The value of `b` is the bad one. */
const EMISSIONS: Record<string, { records: () => Stream<string, number>; place: RegExp }> = {
  'a record causes': {
    records: () => stream(numbers).filter((_value, key) => key !== 'z'),
    place: /record at numbers\/0 offset 1/,
  },
  'the end of a window causes': {
    records: () => sums('sums'),
    place: /result of reduce "sums" for key \{"key":"b","window":\{"start":0,"end":10\}\}/,
  },
  'the end of the wait for a partner causes': {
    records: () => {
      const others = stream(numbers).filter(() => false)
      return stream(numbers).leftJoin('alone', others, (value) => value, { within: 5, value: int32() })
    },
    place: /result of leftJoin "alone" for key "b"/,
  },
  'a wall-clock timer causes': {
    records: () => sums(TIMED),
    place: /result of reduce "timed" for key \{"key":"b","window":\{"start":0,"end":10\}\}/,
  },
}

/** How a dead letter describes the result that failed. */
const WINDOW = { key: '"b"', window: '{"start":0,"end":10}' }
const RESULTS: Record<string, { readonly result: FailedResult }> = {
  'the end of a window causes': { result: { of: 'reduce "sums"', ...WINDOW } },
  'the end of the wait for a partner causes': { result: { of: 'leftJoin "alone"', key: '"b"' } },
  'a wall-clock timer causes': { result: { of: 'reduce "timed"', ...WINDOW } },
}

/** The name of a step that emits its results when the wall clock says so, and not when event time does. */
const TIMED = 'timed'
const eventTimeDueAt = Object.getOwnPropertyDescriptor(Finals.prototype, 'dueAt')?.get ?? expect.fail()

beforeEach(() => {
  Object.defineProperties(Finals.prototype, {
    dueAt: {
      configurable: true,
      get(this: Finals<never>): number {
        return this.name === TIMED ? Number.POSITIVE_INFINITY : eventTimeDueAt.call(this)
      },
    },
    wallDueAt: {
      configurable: true,
      get(this: Finals<never>): number {
        const isDue = this.name === TIMED && eventTimeDueAt.call(this) <= this.time.watermark
        return isDue ? STOPPED_CLOCK.now() : Number.POSITIVE_INFINITY
      },
    },
  })
})

afterEach(() => {
  Object.defineProperty(Finals.prototype, 'dueAt', { configurable: true, get: eventTimeDueAt })
  Reflect.deleteProperty(Finals.prototype, 'wallDueAt')
})

const BAD = 2
const failing = {
  ...int32(),
  encode: (...[value, into]: Parameters<ReturnType<typeof int32>['encode']>) => {
    if (value === BAD) throw new Error('bad value')
    int32().encode(value, into)
  },
}
const failingKey = {
  ...string(),
  name: 'failing',
  encode: (...[key, into]: Parameters<ReturnType<typeof string>['encode']>) => {
    if (key === 'b') throw new Error('bad key')
    string().encode(key, into)
  },
}

/** Ways in which one record fails, each at the end of a stream; the message contains `step`. */
const FAILURES: Record<string, { end: (from: Stream<string, number>) => Output; step: string; code: string }> = {
  'a callback that throws': {
    end: (from) => from.mapValues((value) => (value === BAD ? fail() : value), int32()).to(out),
    step: 'mapValues',
    code: 'CALLBACK_FAILED',
  },
  'a serde of values that throws': {
    end: (from) => from.to(topic('out', { key: string(), value: failing })),
    step: 'to "out"',
    code: 'RECORD_UNENCODABLE',
  },
  'a serde of keys that throws': {
    end: (from) => from.to(topic('out', { key: failingKey, value: int32() })),
    step: 'to "out"',
    code: 'RECORD_UNENCODABLE',
  },
  'a sink that refuses the record': {
    end: (from) => from.to(out),
    step: 'out',
    code: 'RECORD_TOO_LARGE',
  },
  'a sink that names no topic': {
    end: (from) => from.to((value) => (value === BAD ? fail() : 'out'), { key: string(), value: int32() }),
    step: 'to a chosen topic',
    code: 'CALLBACK_FAILED',
  },
}

function fail(): never {
  throw new Error('bad value')
}

/** Where the policy is stated for the record that fails; everything else has another one. */
const STATED_BY = ['the job', 'the stream before the step that fails'] as const

type StatedBy = (typeof STATED_BY)[number]

/** A job whose second output fails at one record; the first has what the same record caused before. */
function setUp(emission: string, failure: string, statedBy: StatedBy) {
  const { records, place } = EMISSIONS[emission] ?? expect.fail()
  const { end, step, code } = FAILURES[failure] ?? expect.fail()
  const from = records()
  const first = from.to(topic('first', { key: string(), value: int32() }))
  const jobUnder = (policy: ErrorPolicy): Job =>
    statedBy === 'the job'
      ? job('j', first, end(from)).onError({ callback: policy })
      : job('j', first, end(from.onError(policy))).onError({ callback: policy === 'fail' ? 'skip' : 'fail' })
  return {
    place,
    step,
    code,
    run: (policy: ErrorPolicy) => {
      const lists = new JobInLists(jobUnder(policy))
      const target = lists.topic('out')
      if (code === 'RECORD_TOO_LARGE') {
        target.refuse = ({ value }) => {
          if (value?.readInt32BE(0) === BAD) throw new RecordError('RECORD_TOO_LARGE', 'too large for out')
        }
      }
      for (const [at, key] of ['a', 'b', 'c'].entries()) lists.append(numbers, key, at + 1, at)
      lists.append(numbers, 'z', 9, 20)
      return lists
    },
  }
}

describe.each(Object.keys(EMISSIONS))('what %s', (emission) => {
  describe.each(Object.keys(FAILURES).flatMap((failure) => STATED_BY.map((statedBy) => [failure, statedBy] as const)))(
    'fails by %s, by the policy of %s,',
    (failure, statedBy) => {
      test('stops the task under fail, and reports the step, and the record or result', async () => {
        const { run, step, code, place } = setUp(emission, failure, statedBy)
        const stopped = expect.objectContaining({ code, message: expect.stringMatching(place) })
        await expect(runWithChosenTopics(run('fail'))).rejects.toThrow(stopped)
        await expect(runWithChosenTopics(run('fail'))).rejects.toThrow(step)
      })

      test('is left out under skip, with all that it has caused; the others come', async () => {
        const { run } = setUp(emission, failure, statedBy)
        const lists = run('skip')
        await runWithChosenTopics(lists)
        expect(valuesOf(lists.topic('out').records)).toEqual([1, 3])
        expect(valuesOf(lists.topic('first').records)).toEqual([1, 3])
        expect(lists.tasks[0]?.counts).toMatchObject({ failed: 1, deadLettered: 0, emitted: 4 })
      })

      test('becomes a dead letter, whole, with the reason', async () => {
        const { run, code, step } = setUp(emission, failure, statedBy)
        const lists = run(deadLetter('dead'))
        await runWithChosenTopics(lists)
        expect(valuesOf(lists.topic('out').records)).toEqual([1, 3])
        expect(valuesOf(lists.topic('first').records)).toEqual([1, 3])
        const [letter, ...more] = lists.topic('dead').records
        expect(more).toEqual([])
        expect(letter?.value?.readInt32BE(0)).toBe(BAD)
        expect(readDeadLetter(letter?.headers ?? [])).toMatchObject({
          error: code,
          job: 'j',
          step: expect.stringContaining(step),
          ...(emission === 'a record causes'
            ? { input: { topic: 'numbers', partition: 0, offset: 1 } }
            : RESULTS[emission]),
        })
        expect(lists.tasks[0]?.counts).toMatchObject({ failed: 1, deadLettered: 1, emitted: 4 })
      })
    },
  )
})

/** Opening a topic that a record names takes a turn. */
async function runWithChosenTopics(lists: JobInLists): Promise<void> {
  for (const { pipeline } of lists.tasks) {
    do {
      pipeline.run(Number.POSITIVE_INFINITY, STOPPED_CLOCK)
      await pipeline.blocked
    } while (!pipeline.atEnd)
  }
  lists.run()
}
