import { expect, test } from 'vitest'
import { median, percentile, spread } from './statistics.ts'

test('the median is the value in the middle, or lies between the two', () => {
  expect(median([3, 1, 10])).toBe(3)
  expect(median([4, 1, 10, 2])).toBe(3)
})

test('a percentile is one of the values', () => {
  const values = Array.from({ length: 200 }, (_, index) => 200 - index)
  expect(percentile(values, 0.5)).toBe(100)
  expect(percentile(values, 0.99)).toBe(198)
  expect(percentile([7], 0.99)).toBe(7)
})

test('a spread shows the median and both ends', () => {
  expect(spread([3.14, 1, 2], 1)).toBe('2.0 (1.0–3.1)')
})
