import fc from 'fast-check'
import { expect, test } from 'vitest'
import { EVENT_TIME_MAX } from './event-time-max.ts'
import { isoText, isoTime } from './iso-time.ts'

test('the text of a time is that of the platform, and reads as the time again', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }), (atMs) => {
      expect(isoText(atMs)).toBe(new Date(atMs).toISOString())
      expect(isoTime(isoText(atMs))).toBe(atMs)
    }),
  )
  expect(isoText(EVENT_TIME_MAX)).toMatch(/Z$/)
})
