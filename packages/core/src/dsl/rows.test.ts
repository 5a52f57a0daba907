import { describe, expect, expectTypeOf, test } from 'vitest'
import { describe as describeJob, job, json, stream, string, type Table, table, topic } from '../index.ts'
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
    expect(describeJob(job('j', online))).toMatch(/toTable "online".*view online: .*store online\.expiry: /)
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
            'Step toTable "online" cannot keep rows for a time: ttl must be more than 0, and a number of whole ms',
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
