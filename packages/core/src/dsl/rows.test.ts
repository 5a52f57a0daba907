import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  describe as describeJob,
  type HistoryOptions,
  job,
  json,
  type Stream,
  stream,
  string,
  type Table,
  type TimelyStream,
  table,
  topic,
  type VersionedTable,
} from '../index.ts'
import { jobMeaning } from '../topology/job-meaning.ts'
import { toTopology } from '../topology/to-topology.ts'
import type { Duration } from './duration.ts'

interface Beat {
  readonly load: number
}

const beats = topic('beats', { key: string(), value: json<Beat>() })
const out = topic('out', { key: string(), value: json<Beat>() })

describe('a table with a time to live', () => {
  test('is a table of the same keys and values, which keeps its rows and when they leave', () => {
    const online = table(beats, 'online', { ttl: '5m', bootstrap: true })
    expectTypeOf(online).toEqualTypeOf<Table<string, Beat>>()
    expectTypeOf(stream(beats).toTable('online', { ttl: 300_000 })).toEqualTypeOf<Table<string, Beat>>()
    expect(describeJob(job('j', online))).toMatch(
      /toTable "online".*view online: string → json, rows for 5m].*store online\.expiry: /,
    )
  })

  test('does not compile with what is not a duration, nor for records without keys', () => {
    // @ts-expect-error: not a duration
    expect(table(beats, 'online', { ttl: '5 minutes' })).toBeDefined()
    const keyless = topic('keyless', { value: json<Beat>() })
    // @ts-expect-error: the records have no key
    expect(table(keyless, 'online', { ttl: '5m' })).toBeDefined()
  })

  test.each<[Duration]>([[0], [-1], [0.5], [Number.NaN], ['5 minutes' as Duration], [2 ** 50 + 1]])(
    'is refused if the ttl is %s',
    (ttl) => {
      expect(() => job('j', table(beats, 'online', { ttl }))).toThrow(
        expect.objectContaining({
          code: 'JOB_INVALID',
          message: expect.stringContaining(
            'Step toTable "online" cannot keep its rows: ttl must be more than 0, and a number of whole ms',
          ),
        }),
      )
    },
  )

  test('means something else than one without, and the same with another ttl', () => {
    const meaning = (ttl?: Duration) => {
      const made = table(beats, 'online', ttl === undefined ? {} : { ttl })
      return jobMeaning(toTopology(job('j', made))).stores
    }
    expect(meaning('5m')['online']).not.toEqual(meaning()['online'])
    expect(meaning('5m')).toEqual(meaning('1h'))
    expect(meaning('5m')['online']).toMatchObject({ timed: true, times: 'record' })
  })

  test('gives an as-of join its changes, as only the table makes them', () => {
    const joined = stream(beats).join('joined', table(beats, 'online', { ttl: '5m' }), (beat) => beat, { asOf: {} })
    const { inputs } = jobMeaning(toTopology(job('j', joined.to(out)))).stores['joined.rows'] ?? {}
    expect(inputs).toEqual(['left: topic beats', 'right: store online'])
  })
})

describe('a table with a history', () => {
  const loads = table(beats, 'loads', { history: '1h' })

  test('is a table that has late records, and keeps its rows and their versions', () => {
    expectTypeOf(loads).toEqualTypeOf<VersionedTable<string, Beat>>()
    expectTypeOf(loads).toExtend<Table<string, Beat>>()
    expectTypeOf(loads.late()).toEqualTypeOf<Stream<string, Beat>>()
    expectTypeOf(stream(beats).toTable('loads', { history: 5 })).toEqualTypeOf<VersionedTable<string, Beat>>()
    expect(describeJob(job('j', loads, loads.late().to(out)))).toMatch(
      /toTable "loads".*view loads: .*store loads\.versions: .* kept 1h[\s\S]*late of toTable "loads"/,
    )
  })

  test('gives a stream that is joined with it rows at once, and the stream has late records', () => {
    const inner = stream(beats).join('inner', loads, (beat, row) => beat.load - row.load)
    expectTypeOf(inner).toEqualTypeOf<TimelyStream<string, number, Beat>>()
    const left = stream(beats).leftJoin('left', loads, (_beat, row) => {
      expectTypeOf(row).toEqualTypeOf<Beat | null>()
      return row
    })
    expectTypeOf(left.late()).toEqualTypeOf<Stream<string, Beat>>()
    expect(describeJob(job('j', left.late().to(out)))).toContain('late of leftJoin "left"')
    // @ts-expect-error: the two sides are not late by a grace of the join
    expect(() => inner.lateLeft()).toThrow(TypeError)
    const asOf = stream(beats).join('as-of', loads, (beat) => beat, { asOf: { grace: '1m' } })
    expectTypeOf(asOf.lateRight()).toEqualTypeOf<Stream<string, Beat>>()
  })

  test('needs keys of the type of the stream that is joined', () => {
    const numbered = stream(beats).keyBy((beat) => beat.load)
    // @ts-expect-error: the keys are numbers
    expect(numbered.join('inner', loads, (beat) => beat)).toBeDefined()
  })

  test.each<[object, string[]]>([
    [{ history: 0 }, ['history must be more than 0']],
    [{ history: 'an hour' }, ['history must be more than 0']],
    [{ history: '1h', ttl: '1h' }, ['it can have a ttl or a history, and not both']],
    [{ history: -1, ttl: -1 }, ['ttl must be', 'history must be', 'not both']],
  ])('is refused with %j', (options, problems) => {
    const made = () => job('j', table(beats, 'loads', options as HistoryOptions))
    for (const problem of problems) {
      expect(made).toThrow(expect.objectContaining({ code: 'JOB_INVALID', message: expect.stringContaining(problem) }))
    }
  })

  test('does not compile with a time to live too', () => {
    // @ts-expect-error: one or the other
    expect(() => job('j', table(beats, 'loads', { history: '1h', ttl: '1h' }))).toThrow('not both')
  })

  test('means something else with another history', () => {
    const meaning = (history: Duration) => jobMeaning(toTopology(job('j', table(beats, 'loads', { history })))).stores
    expect(meaning('1h')['loads.versions']).toMatchObject({ timed: true, times: 'record', historyMs: 3_600_000 })
    expect(meaning('1h')).not.toEqual(meaning('2h'))
  })
})
