import { expect, test } from 'vitest'
import { restAfterSlice } from './slow-slice.ts'

test('tasks rest only after a slice that took more than 200 ms too long, for a fiftieth of that time', () => {
  expect([0, 100, 200].map(restAfterSlice)).toEqual([undefined, undefined, undefined])
  expect([201, 25_000].map(restAfterSlice)).toEqual([201 * 0.02, 500])
})
