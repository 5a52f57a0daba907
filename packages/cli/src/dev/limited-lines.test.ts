import { expect, test } from 'vitest'
import { INTERVAL_LINES_MAX, INTERVAL_MS, LimitedLines } from './limited-lines.ts'
import type { OutputLine } from './version-messages.ts'

const line = (key: string): OutputLine => ({ key, window: '', value: '1' })

/** Adds as many lines as have room, and counts the rest. */
function offer(lines: LimitedLines, count: number): void {
  for (let at = 0; at < count; at++) {
    if (lines.room > 0) lines.add(line(`k${at}`))
    else lines.skip(1)
  }
}

test('lines are reported at once, and those beyond the limit of an interval are counted at its end', () => {
  const lines = new LimitedLines('view', 'sums')
  offer(lines, 3)
  expect(lines.take(5)).toEqual({
    kind: 'output',
    of: 'view',
    name: 'sums',
    lines: ['k0', 'k1', 'k2'].map(line),
    more: 0,
  })
  expect(lines.take(6)).toBeUndefined()
  offer(lines, 100)
  expect(lines.take(7)).toMatchObject({ lines: { length: INTERVAL_LINES_MAX - 3 }, more: 0 })
  offer(lines, 5)
  expect(lines.take(4 + INTERVAL_MS)).toBeUndefined()
  expect(lines.take(5 + INTERVAL_MS)).toMatchObject({ lines: [], more: 105 + 3 - INTERVAL_LINES_MAX })
  expect(lines.room).toBe(INTERVAL_LINES_MAX)
  expect(lines.take(10 * INTERVAL_MS)).toBeUndefined()
  // The interval begins with its first line.
  offer(lines, 1)
  expect(lines.take(20 * INTERVAL_MS)).toMatchObject({ lines: [line('k0')] })
  offer(lines, 1)
  expect(lines.take(20 * INTERVAL_MS + 1)).toMatchObject({ lines: [line('k0')] })
  expect(lines.room).toBe(INTERVAL_LINES_MAX - 2)
})

test('what is left at the end is reported without waiting for the interval', () => {
  const lines = new LimitedLines('topic', 'large')
  expect(lines.end()).toBeUndefined()
  offer(lines, INTERVAL_LINES_MAX + 4)
  expect(lines.end()).toMatchObject({ of: 'topic', name: 'large', lines: { length: INTERVAL_LINES_MAX }, more: 4 })
})
