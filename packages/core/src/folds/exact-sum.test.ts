import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { addExactly, addSums, type ExactSum, nearest } from './exact-sum.ts'

/** A number as a whole number of 2^-1074, from its bits. */
function scaled(value: number): bigint {
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, Math.abs(value))
  const bits = view.getBigUint64(0)
  const exponent = bits >> 52n
  const fraction = bits & (2n ** 52n - 1n)
  const size = exponent === 0n ? fraction : (fraction | (2n ** 52n)) << (exponent - 1n)
  return value < 0 ? -size : size
}

/** The number nearest to a whole number of 2^-1074; of two, the even one. */
function nearestTo(total: bigint): number {
  const size = total < 0n ? -total : total
  const excess = Math.max(0, size.toString(2).length - 53)
  const unit = 1n << BigInt(excess)
  let kept = size / unit
  const twice = (size % unit) * 2n
  if (twice > unit || (twice === unit && kept % 2n === 1n)) kept++
  let value = Number(kept)
  let exponent = excess - 1074
  while (exponent !== 0) {
    const step = Math.max(-1000, Math.min(1000, exponent))
    value *= 2 ** step
    exponent -= step
  }
  return total < 0n ? -value : value
}

const sumOf = (values: readonly number[]) => values.reduce<ExactSum>((sum, value) => addExactly('sum', sum, value), 0)

const numbers = fc.array(
  fc.oneof(
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e300, max: 1e300 }),
    fc.double({ noNaN: true, noDefaultInfinity: true, min: -100, max: 100 }),
    fc.integer({ min: -1000, max: 1000 }).map((cents) => cents / 100),
    fc.integer(),
  ),
  { maxLength: 40 },
)

const withShuffled = numbers.chain((values) =>
  fc.tuple(fc.constant(values), fc.shuffledSubarray(values, { minLength: values.length })),
)

describe('an exact sum', () => {
  test('is, as a number, the one nearest to the sum of all numbers', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        const exact = values.reduce((total, value) => total + scaled(value), 0n)
        expect(nearest(sumOf(values))).toBe(nearestTo(exact) + 0)
      }),
      { numRuns: 1000 },
    )
  })

  test('is the same in every order, and from all parts', () => {
    fc.assert(
      fc.property(withShuffled, fc.nat(), ([values, shuffled], cut) => {
        const all = sumOf(values)
        expect(sumOf(shuffled)).toEqual(all)
        const at = cut % (values.length + 1)
        expect(addSums('sum', sumOf(values.slice(0, at)), sumOf(values.slice(at)))).toEqual(all)
      }),
    )
  })

  test('is 0 again once all numbers are taken out, in any order', () => {
    fc.assert(
      fc.property(numbers, (values) => {
        expect([...values].sort().reduce<ExactSum>((sum, value) => addExactly('sum', sum, -value), sumOf(values))).toBe(
          0,
        )
      }),
    )
  })

  test('of tenths has no error, unlike the sum of the rounded sums', () => {
    const tenths = Array.from({ length: 10 }, () => 0.1)
    expect(tenths.reduce((total, value) => total + value, 0)).not.toBe(1)
    expect(nearest(sumOf(tenths))).toBe(1)
  })

  test('decides a tie of the nearest numbers by what is left far below', () => {
    expect(nearest(sumOf([2 ** 53, 1]))).toBe(2 ** 53)
    expect(nearest(sumOf([2 ** 53, 1, 2 ** -1074]))).toBe(2 ** 53 + 2)
    expect(nearest(sumOf([2 ** 53 + 2, 1, -(2 ** -1074)]))).toBe(2 ** 53 + 2)
  })

  test('beyond the largest number is refused', () => {
    const refusal = { code: 'TOTAL_TOO_LARGE', message: 'sum would be beyond the largest number' }
    expect(() => sumOf([Number.MAX_VALUE, Number.MAX_VALUE])).toThrow(expect.objectContaining(refusal))
    expect(() => sumOf([0.1, Number.MAX_VALUE, Number.MAX_VALUE])).toThrow(expect.objectContaining(refusal))
  })
})
