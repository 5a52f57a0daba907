import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { EVENT_TIME_MS_MAX, looksLike, TIME_UNITS, toMilliseconds } from './time-unit.ts'

/** 1973-03-03. */
const FROM_S = 1e8
/** In the year 5138. */
const TO_S = 1e11

const PER_SECOND = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 } as const

describe('what a number looks like', () => {
  test('a time between March 1973 and the year 5138 looks like its own unit, before 1970 as after', () => {
    const times = fc.integer({ min: FROM_S, max: TO_S - 1 })
    fc.assert(
      fc.property(times, fc.constantFrom(...TIME_UNITS), fc.constantFrom(1, -1), (seconds, unit, sign) => {
        const value = sign * seconds * PER_SECOND[unit]
        expect(looksLike(value)).toBe(unit)
        expect(toMilliseconds(value, unit)).toBe(sign * seconds * 1000)
      }),
      { numRuns: 2000 },
    )
  })

  test('whole milliseconds of this century are exact in every unit that can hold them', () => {
    fc.assert(
      fc.property(fc.integer({ min: Date.UTC(2000), max: Date.UTC(2100) }), (ms) => {
        expect(toMilliseconds(ms / 1000, 's')).toBe(ms)
        expect(toMilliseconds(ms * 1e3, 'us')).toBe(ms)
        expect(toMilliseconds(Number(`${ms}000000`), 'ns')).toBe(ms)
        expect(toMilliseconds(ms * 1e3 + 999, 'us')).toBe(ms)
        expect(toMilliseconds(Number(`${ms}998000`), 'ns')).toBe(ms)
      }),
      { numRuns: 2000 },
    )
  })

  test.each([
    [99_999_999, 'small'],
    [1e8, 's'],
    [1e11 - 1, 's'],
    [1e11, 'ms'],
    [1e14 - 1, 'ms'],
    [1e14, 'us'],
    [1e17 - 16, 'us'],
    [1e17, 'ns'],
    [Number.MAX_VALUE, 'ns'],
    [1799, 'small'],
    [1800, 'year'],
    [2199, 'year'],
    [2200, 'small'],
    [-2001, 'small'],
    [2001.5, 'small'],
    [18_000_100, 'small'],
    [18_000_101, 'date'],
    [20_010_131, 'date'],
    [20_011_301, 'small'],
    [20_010_132, 'small'],
    [21_991_231, 'date'],
    [22_000_101, 'small'],
    [0, 'small'],
    [5, 'small'],
  ] as const)('%d looks like: %s', (value, looks) => {
    expect(looksLike(value)).toBe(looks)
  })

  test('no number that would be a time after the year 9999 counts as milliseconds', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true }), (value) => {
        if (looksLike(value) === 'ms') expect(Math.abs(value)).toBeLessThan(EVENT_TIME_MS_MAX)
      }),
    )
    expect(new Date(EVENT_TIME_MS_MAX).toISOString()).toBe('9999-12-31T23:59:59.999Z')
  })
})

test('a number with decimal places gives the time that exact whole-number arithmetic gives', () => {
  const digits = fc.bigInt({ min: -(10n ** 18n), max: 10n ** 18n })
  fc.assert(
    fc.property(digits, fc.integer({ min: 0, max: 9 }), fc.constantFrom(...TIME_UNITS), (units, places, unit) => {
      const size = String(units < 0n ? -units : units).padStart(places + 1, '0')
      const text = `${units < 0n ? '-' : ''}${size.slice(0, size.length - places)}.${size.slice(size.length - places)}0`
      const perMs = 10n ** BigInt(places) * BigInt(PER_SECOND[unit])
      const ms = (units * 1000n - ((((units * 1000n) % perMs) + perMs) % perMs)) / perMs
      if (Math.abs(Number(ms)) < 8.64e15) expect(BigInt(toMilliseconds(text, unit))).toBe(ms)
    }),
    { numRuns: 2000 },
  )
})

test('a time is rounded down to whole milliseconds, and fractions of seconds are exact', () => {
  expect([toMilliseconds(978_307_260.001, 's'), toMilliseconds(1_999, 'us'), toMilliseconds(-1, 'ns')]).toEqual([
    978_307_260_001, 1, -1,
  ])
})

test('a number with an exponent out of range is infinite, 0 or -1 ms', () => {
  expect(toMilliseconds('1e999999999', 's')).toBe(Number.POSITIVE_INFINITY)
  expect([toMilliseconds('1e-999999999', 's'), toMilliseconds('-1e-999999999', 's')]).toEqual([0, -1])
})
