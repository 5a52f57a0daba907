import { expect, test } from 'vitest'
import { bytes, rate, seconds } from './amounts.ts'
import { progressLine } from './progress.ts'

test('progress shows the amount, the total, the rate and the time left', () => {
  expect(progressLine('rows', 1_500_000, 3_000_000, 300_000)).toBe(
    '1,500,000 of 3,000,000 rows (50 %), 300 k/s, 5 s left',
  )
})

test('progress without a known end shows the amount and the rate', () => {
  expect(progressLine('records', 1200, undefined, 950.4)).toBe('1,200 records, 950/s')
})

test('progress that has stopped does not show the time left', () => {
  expect(progressLine('rows', 0, 10, 0)).toBe('0 of 10 rows (0 %), 0/s')
})

test('amounts are written in the unit that a person would choose', () => {
  expect([rate(1_250_000), rate(9_999), seconds(59.2), seconds(3700), bytes(1023), bytes(1.5 * 1024 ** 3)]).toEqual([
    '1.3 M/s',
    '9999/s',
    '1 min 0 s',
    '1 h 1 min',
    '1023 B',
    '1.5 GiB',
  ])
})
