import { describe, expect, expectTypeOf, test } from 'vitest'
import { describe as describeJob, job, json, type Stream, stream, string, topic } from '../index.ts'
import { jobMeaning } from '../topology/job-meaning.ts'
import { toTopology } from '../topology/to-topology.ts'
import type { Duration } from './duration.ts'

interface Payment {
  readonly number: number
  readonly cents: number
}

const payments = stream(topic('payments', { key: string(), value: json<Payment>() }))
const out = topic('out', { key: string(), value: json<Payment>() })

describe('a dedupe', () => {
  test('is a stream of the same keys and values, and so are its late records', () => {
    const once = payments.dedupe('once', {
      within: '1h',
      id: (payment, key, context) => {
        expectTypeOf(payment).toEqualTypeOf<Payment>()
        expectTypeOf(key).toEqualTypeOf<string>()
        expectTypeOf(context.timestamp).toEqualTypeOf<number>()
        return payment.number
      },
    })
    expectTypeOf(once).toExtend<Stream<string, Payment>>()
    expectTypeOf(once.late()).toEqualTypeOf<Stream<string, Payment>>()
    expectTypeOf(once.mapValues((payment) => payment.cents)).toEqualTypeOf<Stream<string, number>>()
    expect(describeJob(job('j', once.to(out), once.late().to(out)))).toContain('late of dedupe "once"')
  })

  test('does not compile for records without keys, and for an id that cannot be compared', () => {
    const keyless = stream(topic('keyless', { value: json<Payment>() }))
    // @ts-expect-error: the records have no key
    expect(keyless.dedupe('once', { within: '1h' })).toBeDefined()
    // @ts-expect-error: a payment is not an id
    expect(payments.dedupe('once', { within: '1h', id: (payment) => payment })).toBeDefined()
    // @ts-expect-error: within is needed
    expect(payments.dedupe('once', {})).toBeDefined()
  })

  test('sends records whose keys were chosen through a repartition topic', () => {
    const once = payments.keyBy((payment) => payment.cents).dedupe('once', { within: '1h' })
    expect(describeJob(job('j', once.to(topic('o', { key: json<number>(), value: json<Payment>() }))))).toContain(
      'repartition topic j.once.repartition',
    )
  })

  test.each<[Duration, Duration | undefined, string[]]>([
    [0, undefined, ['within must be more than 0']],
    ['1 hour' as '1h', undefined, ['within must be more than 0']],
    [1.5, -1, ['within must be more than 0', 'grace must be a number of whole ms']],
    ['1h', Number.NaN, ['grace must be a number of whole ms']],
  ])('within %s and a grace of %s is refused', (within, grace, problems) => {
    const once = payments.dedupe('once', { within, ...(grace !== undefined && { grace }) })
    const lines = problems.map((problem) => `- Step dedupe "once" cannot find repeats: ${problem}`)
    expect(() => job('j', once.to(out))).toThrow(lines[0])
    expect(() => job('j', once.to(out))).toThrow(lines.at(-1))
    expect(() => job('j', once.to(out))).toThrow(
      problems.length === 1 ? 'has a problem' : `has ${problems.length} problems`,
    )
  })

  test('means another store with another time, and with an id', () => {
    const options = [{ within: '1h' }, { within: '2h' }, { within: '1h', id: () => 1 }] as const
    const [hour, hours, withId] = options.map(
      (each) => jobMeaning(toTopology(job('j', payments.dedupe('once', each).to(out)))).stores['once'],
    )
    expect(hour).toMatchObject({ step: 'dedupe', key: 'string', value: 'int64', windowMs: 3_600_000 })
    expect(hours).toEqual({ ...hour, windowMs: 7_200_000 })
    expect(withId).toEqual({ ...hour, key: 'id(string)' })
  })
})
