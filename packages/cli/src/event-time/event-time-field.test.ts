import { describe, expect, test } from 'vitest'
import { EventTimeField } from './event-time-field.ts'
import { fieldTime, jsonTime } from './field-time.ts'
import type { TimeUnit } from './time-unit.ts'

const MINUTE = Date.UTC(2001, 0, 1, 0, 1)
const read = (at: unknown, unit?: TimeUnit, isDate?: boolean) =>
  new EventTimeField('at', unit).read(at, 'row 1', isDate)

describe('an event time', () => {
  test.each([
    ['2001-01-01T00:01', undefined],
    [MINUTE, undefined],
    [`${MINUTE}`, undefined],
    [MINUTE, 'ms'],
    [MINUTE / 1000, 's'],
    [MINUTE * 1e3, 'us'],
    [`${MINUTE}000000`, 'ns'],
    [MINUTE * 1e6, 'ns'],
    ['2001-01-01T00:01Z', 's'],
  ] as const)('%j with unit %s is read', (at, unit) => {
    expect(read(at, unit)).toBe(MINUTE)
  })

  test.each([
    [2001, 'looks like a year', '--timestamp-unit ms'],
    ['2001', 'looks like a year', '--timestamp-unit ms'],
    [20_010_131, 'looks like a date in digits', '2001-01-31'],
    [MINUTE / 1000, 'looks like seconds', '--timestamp-unit s, '],
    [MINUTE / 1000 + 0.5, 'looks like seconds', '2001-01-01T00:01:00.500Z'],
    [MINUTE * 1e3, 'looks like microseconds', '--timestamp-unit us, '],
    [`${MINUTE}000000`, 'looks like nanoseconds', '--timestamp-unit ns, '],
    [-MINUTE / 1000, 'looks like seconds', '--timestamp-unit s, '],
    [MINUTE + 0.5, 'not a whole number', '--timestamp-unit ms'],
    ['noon', 'is not a time', 'ISO date'],
    ['2001-02-30', 'is not a time', 'ISO date'],
    [true, 'is not a time', 'ISO date'],
    [null, 'no field "at"', 'timestamp'],
  ] as const)('%j without a unit is refused: it %s', (at, reason, remedy) => {
    const refused = { code: 'BAD_INPUT', message: expect.stringMatching(new RegExp(`^row 1.*${reason}.*${remedy}`)) }
    expect(() => read(at)).toThrow(expect.objectContaining(refused))
  })

  test.each([
    ['{"at":1700000000999999999}', 'ns', 1_700_000_000_999],
    ['{"at":1700000000999999.999}', 'us', 1_700_000_000_999],
    ['{"at":980928000.9999}', 's', 980_928_000_999],
    ['{"at":9.809280009999e8}', 's', 980_928_000_999],
    ['{"at":"980928000.9999"}', 's', 980_928_000_999],
    ['{"at":980928000999.99999999}', 'ms', 980_928_000_999],
    ['{"at":1e-400}', 's', 0],
    ['{"at":-0.0001}', 's', -1],
  ] as const)('of a number is cut off at its milliseconds: %s %s', (text, unit, ms) => {
    const field = new EventTimeField('at', unit)
    expect(field.read(fieldTime(JSON.parse(text), text, 'at'), 'row 1')).toBe(ms)
  })

  test('that is refused is shown with its digits', () => {
    const time = jsonTime('1700000000999999999')
    expect(() => new EventTimeField('at', undefined).read(time, 'row 1')).toThrow(
      'at is 1700000000999999999, which looks',
    )
    const between = jsonTime('980928000999.99999999')
    expect(() => new EventTimeField('at', undefined).read(between, 'row 1')).toThrow('not a whole number')
    expect(() => new EventTimeField('at', 's').read(jsonTime('1e400'), 'row 1')).toThrow(
      'at is 1e400, which is not a time',
    )
  })

  test('small numbers are milliseconds, and a stated unit overrides that', () => {
    expect([read(5), read(2001, 'ms'), read(2001, 's')]).toEqual([5, 2001, 2_001_000])
  })

  test('of a column of the type date is read whatever its numbers look like, and needs no unit', () => {
    expect(read(MINUTE / 1000, undefined, true)).toBe(MINUTE / 1000)
    expect(() => read(MINUTE, 's', true)).toThrow('Leave out --timestamp-unit')
  })

  test.each([
    ['s', MINUTE],
    ['ms', MINUTE * 1e3],
  ] as const)('a stated unit that leads past the year 9999 is refused: %s', (unit, at) => {
    expect(() => read(at, unit)).toThrow('after the year 9999')
  })

  test('the summary has the first and the last time, and in which forms they came', () => {
    const field = new EventTimeField('at', undefined)
    expect(field.summary).toBeUndefined()
    for (const at of [MINUTE + 60_000, MINUTE, '2001-01-01T00:01:30']) field.taken(field.read(at, 'row'))
    field.read(MINUTE + 120_000, 'a row that was not taken')
    expect(field.summary).toBe(
      'Event time: at, ISO dates and milliseconds since 1970, from 2001-01-01T00:01:00.000Z to 2001-01-01T00:02:00.000Z',
    )
  })
})
