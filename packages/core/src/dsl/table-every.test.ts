import { describe, expect, expectTypeOf, test } from 'vitest'
import { job, json, stream, string, type Table, table, topic, tumbling, type Windowed } from '../index.ts'
import { jobMeaning } from '../topology/job-meaning.ts'
import { toTopology } from '../topology/to-topology.ts'
import { type ViewKey, type ViewValue, viewOf } from './view.ts'

interface Price {
  readonly cents: number
}

const source = topic('prices', { key: string(), value: json<Price>() })
const prices = table(source, 'prices')
const calm = prices.every('calm', '10s')

describe('a table that changes every 10 s', () => {
  test('has the keys and values of the table that it is made from, and is a view', () => {
    expectTypeOf(calm).toEqualTypeOf<Table<string, Price>>()
    expectTypeOf<ViewKey<typeof calm>>().toEqualTypeOf<string>()
    expectTypeOf<ViewValue<typeof calm>>().toEqualTypeOf<Price>()
    expect(viewOf(calm)).toMatchObject({ name: 'calm', key: { name: 'string' }, shape: { kind: 'key' } })
    const hours = stream(source).groupByKey().window(tumbling('1h')).count('hours').every('calm', 500)
    expectTypeOf(hours).toEqualTypeOf<Table<Windowed<string>, number>>()
    expect(viewOf(hours)).toMatchObject({ name: 'calm', shape: { kind: 'window', sizeMs: 3_600_000 } })
  })

  test('does not compile without a name and a duration', () => {
    // @ts-expect-error: the name is missing
    expect(() => job('j', prices.every('10s'))).toThrow('the time must be more than 0')
    // @ts-expect-error: that is not a duration
    expect(() => job('j', prices.every('calm', 'soon'))).toThrow('the time must be more than 0')
  })

  test.each([0, -1, 0.5, 2 ** 50 + 1, Number.NaN])('is refused for %s ms', (ms) => {
    expect(() => job('j', prices.every('calm', ms))).toThrow(
      'has a problem:\n- Step every "calm" cannot wait so long: the time must be more than 0',
    )
  })

  test.each([1, 2 ** 50])('is not refused for %s ms', (ms) => {
    expect(() => job('j', prices.every('calm', ms))).not.toThrow()
  })

  test('means other stores with another time', () => {
    const { stores } = jobMeaning(toTopology(job('j', calm)))
    expect(Object.keys(stores).sort()).toEqual(['calm', 'calm.pending', 'prices'])
    expect(stores['calm']).toMatchObject({
      step: 'every',
      emit: 'every 10s',
      times: 'record',
      inputs: ['store prices'],
    })
    expect(stores['calm.pending']).toMatchObject({ key: 'string', value: 'nullable(json)', shape: 'instant' })
    const other = jobMeaning(toTopology(job('j', prices.every('calm', '20s')))).stores
    for (const name of ['calm', 'calm.pending']) expect(other[name]).toEqual({ ...stores[name], emit: 'every 20s' })
  })

  test('keeps windows that their table keeps for some time longer, by the time that their last change may wait', () => {
    const windows = stream(source)
      .groupByKey()
      .window(tumbling('1h', { retention: '1d' }))
    const [kept] = toTopology(job('j', windows.count('hours').every('calm', '1m'))).views
    expect(kept?.store).toMatchObject({ name: 'calm', retentionMs: 86_400_000 + 60_000 })
  })
})
