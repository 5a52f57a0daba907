import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  calendar,
  describe as describeJob,
  hopping,
  int32,
  job,
  sessions,
  sliding,
  stream,
  string,
  topic,
  tumbling,
  type WindowClock,
  type WindowedTable,
} from '../index.ts'
import { jobMeaning } from '../topology/job-meaning.ts'
import { toTopology } from '../topology/to-topology.ts'
import { countWindow } from './windows.ts'

const numbers = topic('numbers', { key: string(), value: int32() })
const grouped = stream(numbers).groupByKey()
const counts = grouped.window(tumbling('1m', { clock: 'wall', retention: '1h' })).count('counts')

describe('windows of the wall clock', () => {
  test('are tables as others are, and can be of every kind that goes by time', () => {
    expectTypeOf(counts).toEqualTypeOf<WindowedTable<string, number, number>>()
    const kinds = [
      tumbling('1m', { clock: 'wall' }),
      hopping('1m', { advance: '10s', clock: 'wall' }),
      sliding('1m', { clock: 'wall' }),
      calendar('day', { timeZone: 'Europe/Zurich', clock: 'wall' }),
    ]
    const made = kinds.map((windows, index) => grouped.window(windows).count(`counts-${index}`))
    const visits = grouped.window(sessions({ gap: '1m', clock: 'wall' })).count('visits')
    expect(() => job('j', visits, ...made)).not.toThrow()
    // @ts-expect-error: windows of so many records go by no clock
    expect(countWindow(5, { clock: 'wall' })).toEqual({ kind: 'count', size: 5 })
    // @ts-expect-error: not a clock
    expectTypeOf<WindowClock>('walls')
  })

  test('take the time behind the repartition topic, in the task that has the windows', () => {
    const perRest = stream(numbers)
      .groupBy((value) => `${value % 2}`, string())
      .window(tumbling('1m', { clock: 'wall' }))
      .count('rests')
    expect(toTopology(job('j', perRest)).subtopologies.map(({ nodes }) => nodes.map(({ label }) => label))).toEqual([
      ['groupBy', 'repartition "rests"'],
      ['wall clock', 'count "rests"'],
    ])
    expect(describeJob(job('j', counts))).toContain('wall clock\n')
  })

  test('with a grace are refused, since no record comes late', () => {
    const late = grouped.window(tumbling('1m', { clock: 'wall', grace: '1s' })).count('counts')
    expect(() => job('j', late)).toThrow(
      'has a problem:\n- Step count "counts" cannot have these windows: by the wall clock no record is late. Leave out the grace',
    )
  })

  test('of a clock that there is not are refused', () => {
    const wrong = grouped.window(tumbling('1m', { clock: 'sun' as 'wall' })).count('counts')
    expect(() => job('j', wrong)).toThrow(`clock must be 'event' or 'wall', not "sun"`)
  })

  test('mean other stores than windows of event time, which mean what they did', () => {
    const meaningOf = (clock: WindowClock | undefined) => {
      const windows = tumbling('1m', { retention: '1h', ...(clock !== undefined && { clock }) })
      return jobMeaning(toTopology(job('j', grouped.window(windows).count('counts')))).stores['counts']
    }
    expect(meaningOf('event')).toEqual(meaningOf(undefined))
    expect(meaningOf('wall')).toEqual({ ...meaningOf('event'), times: 'wall clock' })
    expect(meaningOf('event')).toMatchObject({ times: 'record', inputs: ['topic numbers'] })
  })
})
