import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { counted, mergedHistograms, NO_VALUES, quantileOf, type ValueHistogram } from './value-histogram.ts'

const histogramOf = (values: readonly number[]) =>
  values.reduce<ValueHistogram>((total, value) => counted(total, value, 1), NO_VALUES)

const numbers = fc.array(
  fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1000, max: 1000 }),
    fc.constantFrom(0, 1, -1, 1e-9, 1e-10, -1e-10, Number.MAX_VALUE, -Number.MAX_VALUE),
  ),
  { minLength: 1, maxLength: 60 },
)

describe('a histogram of values', () => {
  test('knows each quantile within 1 % of a value, or 1e-9', () => {
    fc.assert(
      fc.property(numbers, fc.double({ min: 0, max: 1, noNaN: true }), (values, q) => {
        const exact = [...values].sort((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? 0
        const found = quantileOf(histogramOf(values), q)
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(Math.max(1e-9, Math.abs(exact) * 0.0100001))
      }),
      { numRuns: 1000 },
    )
  })

  test('is the same in every order and from all parts, and without what is taken out', () => {
    fc.assert(
      fc.property(numbers, numbers, (some, others) => {
        const all = histogramOf([...some, ...others])
        expect(histogramOf([...others, ...some])).toEqual(all)
        expect(mergedHistograms(histogramOf(some), histogramOf(others))).toEqual(all)
        expect(others.reduce((total, value) => counted(total, value, -1), all)).toEqual(histogramOf(some))
      }),
    )
  })

  test('has a counter for each 2 % of a power of ten', () => {
    const { above } = histogramOf(Array.from({ length: 100_000 }, (_, at) => 10 ** (at / 100_000)))
    expect(above.length / 2).toBe(117)
  })
})
