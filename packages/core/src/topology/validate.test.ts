import { describe, expect, test } from 'vitest'
import { deadLetter, isJob, type Job, job } from '../dsl/job.ts'
import type { Start } from '../dsl/start.ts'
import { stream } from '../dsl/stream-of.ts'
import { table } from '../dsl/table-of.ts'
import { topic } from '../dsl/topic.ts'
import {
  calendar,
  countWindow,
  hopping,
  type Sessions,
  sessions,
  sliding,
  tumbling,
  type Windows,
} from '../dsl/windows.ts'
import { RefusedError } from '../errors/millrace-error.ts'
import { json } from '../serdes/json.ts'
import { int32 } from '../serdes/numbers.ts'
import { string } from '../serdes/string.ts'
import { toTopology } from './to-topology.ts'

const numbers = (name: string) => topic(name, { key: string(), value: int32() })
const input = numbers('input')
const source = stream(input)
const count = (name: string) => source.groupByKey().count(name)
const from = (start: Start) => job('j', stream(input, { start }).groupByKey().count('a'))

/** The problems for which a job is rejected, without the bullet. */
function problems(make: () => Job): string[] {
  try {
    make()
  } catch (error) {
    if (!(error instanceof RefusedError) || error.code !== 'JOB_INVALID') throw error
    return error.message.split('\n- ').slice(1)
  }
  return []
}

const refused: readonly (readonly [string, () => Job, string])[] = [
  ['has no outputs', () => job('j'), 'The job has no outputs'],
  ['has a bad name', () => job('../j', count('a')), 'Text "../j" is not a valid name for a job'],
  [
    'reads a topic with a bad name',
    () => job('j', stream(numbers('a/b')).groupByKey().count('a')),
    'is not a valid name for a topic',
  ],
  ['writes a topic with a bad name', () => job('j', source.to(numbers(''))), 'Text "" is not a valid name for a topic'],
  ['has a store with a bad name', () => job('j', count('a b')), 'Text "a b" is not a valid name for a store'],
  ['has a dead-letter topic with a bad name', () => job('j', count('a')).onError({ callback: deadLetter('?') }), '"?"'],
  ['gives two stores one name', () => job('j', count('a'), source.toTable('a')), 'Store a is kept by 2 steps'],
  [
    'gives two repartition topics one name',
    () => job('j', source.repartition('a').toTable('b'), source.keyBy((n) => n).toTable('a')),
    'Repartition topic a has 2 steps',
  ],
  [
    'has a view without a name',
    () =>
      job(
        'j',
        count('a').mapValues((n) => n + 1),
      ),
    "mapValues(…, { name: 'my-view' })",
  ],
  [
    'reads a topic with two serdes',
    () => job('j', count('a'), table(topic('input', { key: string(), value: string() }), 'b')),
    'Topic input is read by two definitions',
  ],
  [
    'reads a topic from two starts',
    () => job('j', count('a'), stream(input, { start: 'latest' }).groupByKey().count('b')),
    'Topic input is read from two starts, earliest and latest',
  ],
  [
    'reads a topic from what is not a time',
    () => from({ time: 'yesterday' }),
    'Topic input has no usable start: start must be',
  ],
  ['reads a topic from a word', () => from('late' as 'latest'), 'Topic input has no usable start: start must be'],
  ['reads a topic from no offsets', () => from({ offsets: {} }), 'offsets of start must be whole numbers'],
  [
    'reads a topic from a negative offset',
    () => from({ offsets: { 0: -1 } }),
    'offsets of start must be whole numbers',
  ],
  [
    'writes a topic that it reads',
    () => job('j', source.to(input)),
    'Step to "input" writes input, which the job also reads',
  ],
  [
    'keeps by key what has no key',
    () =>
      job(
        'j',
        stream(topic('k', { value: int32() }) as unknown as typeof input)
          .groupByKey()
          .count('a'),
      ),
    'count "a" works by key, but its records have none',
  ],
  [
    'buries records in a topic that it reads',
    () => job('j', count('a')).onError({ undecodable: deadLetter(input) }),
    'The policy onError writes input',
  ],
  [
    'writes its own repartition topic',
    () => job('j', source.keyBy(String).toTable('a'), source.to(numbers('j.a.repartition'))),
    "writes j.a.repartition, a topic of the job's own",
  ],
  ['reads its own changelog', () => job('j', table(numbers('j.changelog'), 'a')), "reads a topic of the job's own"],
  [
    'asks for no partitions',
    () => job('j', source.repartition('a', { partitions: 0 }).to(numbers('b'))),
    'cannot have 0 partitions',
  ],
  [
    'merges a stream with what was computed from it behind a repartition topic',
    () => job('j', source.keyBy(String, string()).repartition('r').merge(source).to(numbers('b'))),
    'the records of repartition "r" together with the stream that they are computed from',
  ],
  [
    'joins tables whose keys are written in different ways',
    () => {
      const other = stream(topic('other', { key: json<string>(), value: int32() })).toTable('b')
      return job(
        'j',
        table(input, 'a').join('c', other, (a, b) => a + b),
      )
    },
    'Step join "c" joins tables whose keys are written in different ways: string and json',
  ],
  [
    'joins tables with windows of different sizes',
    () => {
      const hourly = source.groupByKey().window(tumbling('1h')).count('a')
      const daily = source.groupByKey().window(tumbling('1d')).count('b')
      return job(
        'j',
        hourly.outerJoin('c', daily, (a, b) => (a ?? 0) + (b ?? 0)),
      )
    },
    'Step outerJoin "c" joins tables with different windows: 1h and 1d',
  ],
  [
    'joins windowed tables by another key',
    () => {
      const hourly = source.groupByKey().window(tumbling('1h')).count('a')
      return job(
        'j',
        hourly.joinBy(
          'c',
          table(numbers('other'), 'b'),
          (_, { key }) => key,
          (a, b) => a + b,
        ),
      )
    },
    'Step joinBy "c" cannot join windowed tables by another key',
  ],
  [
    'joins a table with what was computed from it behind a repartition topic',
    () => {
      const rows = table(input, 'a')
      return job(
        'j',
        rows.leftJoin('c', source.keyBy(String, string()).toTable('b'), (a, b) => a + (b ?? 0)),
      )
    },
    'the records of repartition "b" together with the stream that they are computed from',
  ],
]

test.each(refused)('a job that %s is refused', (_what, make, problem) => {
  const found = problems(make)
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(problem)
})

const windows: readonly (readonly [string, Windows, string])[] = [
  ['no size', tumbling(0), 'size must be'],
  ['a size that is not a duration', tumbling('1h'.replace('h', 'y') as '1h'), 'size must be'],
  ['a size of half a millisecond', tumbling(0.5), 'size must be'],
  ['no size that slides', sliding(0), 'size must be'],
  ['negative grace that slides', sliding(5, { grace: -1 }), 'grace must be'],
  ['no advance', hopping('1h', { advance: 0 }), 'advance must be'],
  ['an advance past their size', hopping('1h', { advance: '2h' }), 'advance must not be more than the size'],
  ['too many at once', hopping('1d', { advance: 1 }), 'in more than 10000 windows'],
  ['panes, and a total at each change', hopping('1h', { advance: '10m', panes: true }), "Give emit: 'final'"],
  ['negative grace', tumbling('1h', { grace: -1 }), 'grace must be'],
  ['an unknown time zone', calendar('day', { timeZone: 'Europe/Zurch' }), 'time zone "Europe/Zurch" is not known here'],
  ['no time zone', calendar('day', {} as { timeZone: 'UTC' }), 'time zone undefined is not known here'],
  [
    'an unknown unit',
    calendar('fortnight' as 'week', { timeZone: 'UTC' }),
    'unit "fortnight" must be one of day, week',
  ],
  [
    'an unknown weekday',
    calendar('week', { timeZone: 'UTC', weekStartsOn: 'Monday' as 'monday' }),
    'weekStartsOn "Monday"',
  ],
  [
    'a retention of a day that is shorter',
    calendar('day', { timeZone: 'UTC', grace: 2, retention: 1 }),
    'at least the grace',
  ],
  ['a retention shorter than the grace', tumbling('1h', { grace: '2h', retention: '1h' }), 'at least the grace'],
]

test.each(windows)('windows with %s are refused', (_what, spec, problem) => {
  const found = problems(() => job('j', source.groupByKey().window(spec).count('a')))
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(`Step count "a" cannot have these windows: `)
  expect(found[0]).toContain(problem)
})

test('panes that are not whole, or whose totals cannot be merged, are refused', () => {
  const windowed = (advance: '10m' | '7m') => source.groupByKey().window(hopping('1h', { advance, panes: true }))
  const whole = problems(() => job('j', windowed('7m').count('a', { emit: 'final' })))
  expect(whole).toEqual([expect.stringContaining('the size must be a multiple of the advance')])
  const reduced = problems(() =>
    job(
      'j',
      windowed('10m').reduce('a', (a, b) => a + b, { emit: 'final' }),
    ),
  )
  expect(reduced).toEqual([expect.stringContaining('totals must be merged. Use count()')])
  expect(() => job('j', windowed('10m').count('a', { emit: 'final' }))).not.toThrow()
})

const sessionCases: readonly (readonly [string, Sessions, string])[] = [
  ['no gap', sessions({ gap: 0 }), 'gap must be'],
  ['a gap that is not a duration', sessions({ gap: 'soon' as '1h' }), 'gap must be'],
  ['negative grace', sessions({ gap: '1h', grace: -1 }), 'grace must be'],
  ['a retention shorter than the grace', sessions({ gap: 1, grace: '2h', retention: '1h' }), 'at least the grace'],
]

test.each(sessionCases)('sessions with %s are refused', (_what, spec, problem) => {
  const found = problems(() => job('j', source.groupByKey().window(spec).count('a')))
  expect(found).toHaveLength(1)
  expect(found[0]).toContain(problem)
})

test.each([0, -1, 0.5, 'soon' as '1s'])('results cannot be emitted every %s', (every) => {
  const found = problems(() => job('j', source.groupByKey().window(tumbling('1h')).count('a', { emit: { every } })))
  expect(found).toEqual([expect.stringContaining('the time of emit: { every } must be more than 0')])
})

test.each([0, -1, 1.5, Number.NaN])('windows of %s records are refused', (size) => {
  const windows = source.groupByKey().window(countWindow(size))
  const found = problems(() => job('j', windows.reduce('a', (a, b) => a + b).to(numbers('b'))))
  expect(found).toEqual([`Step reduce "a" cannot have windows of ${size} records. Give a whole number, at least 1`])
})

test('totals of sliding windows, which are final, cannot be emitted now and then', () => {
  const windows = source.groupByKey().window(sliding('1h'))
  expect(problems(() => job('j', windows.count('a', { emit: { every: '1m' } })))).toEqual([
    expect.stringContaining('each total is final, so emit cannot be { every }'),
  ])
})

test('sessions without a merge are refused, also if no compiler has seen the job', () => {
  const callbacks = { init: () => 0, add: (total: number) => total + 1 }
  const grouped = source.groupByKey().window(sessions({ gap: '1h' }))
  const found = problems(() => job('j', grouped.aggregate('a', callbacks as typeof callbacks & { merge: () => 0 })))
  expect(found).toEqual([
    expect.stringContaining('Step aggregate "a" cannot have these windows: a record may join two'),
  ])
  const merge = (a: number, b: number) => a + b
  expect(problems(() => job('j', grouped.aggregate('a', { ...callbacks, merge })))).toEqual([])
})

describe('a job', () => {
  test('gets all its problems in one error', () => {
    const make = () => job('j', count('a'), source.toTable('a'), source.to(input), source.to(numbers('a/b')))
    expect(problems(make)).toHaveLength(3)
  })

  test('may reach one table in several ways', () => {
    const a = count('a')
    expect(problems(() => job('j', a, a, a.changes().to(numbers('b')), a.mapValues(String, { name: 'c' })))).toEqual([])
  })

  test('may read a topic by two definitions that agree', () => {
    expect(problems(() => job('j', count('a'), table(numbers('input'), 'b')))).toEqual([])
  })

  test('may join a table with itself, and windows of one size that start at different times', () => {
    const rows = table(input, 'a')
    const hourly = source.groupByKey().window(tumbling('1h')).count('b')
    const sliding = source
      .groupByKey()
      .window(hopping('1h', { advance: '10m' }))
      .count('c')
    const joined = rows.join('d', rows, (one, other) => one + other)
    const windowed = hourly.join('e', sliding, (one, other) => one + other)
    expect(problems(() => job('j', joined, windowed))).toEqual([])
  })

  test('keeps its other policies if one is changed', () => {
    const changed = job('j', count('a'))
      .onError({ callback: 'skip' })
      .onError({ undecodable: deadLetter('dead') })
    expect(changed.errors).toEqual({ callback: 'skip', keyless: 'fail', undecodable: { deadLetter: 'dead' } })
  })

  test('has version 1 unless it is given another one, which every change of it keeps', () => {
    const made = job('j', count('a'))
    expect(made.version).toBe(1)
    expect(toTopology(made)).toMatchObject({ job: 'j', changelog: 'j.changelog' })
    const second = made.withVersion(2).onError({ callback: 'skip' })
    expect(second).toMatchObject({ name: 'j', version: 2, errors: { callback: 'skip' } })
    expect(toTopology(second)).toMatchObject({ job: 'j.version-2', changelog: 'j.version-2.changelog' })
    expect(toTopology(second.withVersion(1)).job).toBe('j')
  })

  test.each([0, -1, 1.5, Number.NaN, 2 ** 53])('cannot have the version %d', (version) => {
    expect(problems(() => job('j', count('a')).withVersion(version))).toContainEqual(
      `The version cannot be ${version}. Give a whole number, at least 1`,
    )
  })

  test('cannot have the name of a version of another job', () => {
    expect(problems(() => job('j.version-2', count('a')))).toEqual([
      'The name is that of version 2 of job j. Choose another name, or use .withVersion(2)',
    ])
    expect(problems(() => job('j.version-x', count('a')))).toEqual([])
  })

  test('cannot read a topic that belongs to this version of the job', () => {
    const own = stream(numbers('j.version-2.changelog')).groupByKey().count('a')
    expect(problems(() => job('j', own))).toEqual([])
    expect(problems(() => job('j', own).withVersion(2))).toEqual([
      expect.stringContaining("reads a topic of the job's own"),
    ])
  })

  test('is recognised by its mark, whichever copy of the package made it', () => {
    const made = job('j', count('a'))
    expect(isJob(made)).toBe(true)
    expect(isJob({ [Symbol.for('millrace.job')]: 6 })).toBe(true)
    for (const other of [undefined, null, {}, source, count('a'), { [Symbol.for('millrace.job')]: 1 }]) {
      expect(isJob(other)).toBe(false)
    }
  })

  test('refuses what is not an output, and reports which one it was', () => {
    const outputs = [count('a'), source] as unknown as [ReturnType<typeof count>]
    expect(problems(() => job('j', ...outputs))).toEqual([
      expect.stringContaining('Output 2 is neither a table nor a stream'),
    ])
  })
})
