import { expect, test } from 'vitest'
import { LimitedLines } from './limited-lines.ts'
import type { OutputLine } from './version-messages.ts'

/** As the limits are. */
const [SHOWN, INTERVAL] = [20, 1000]

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
  expect(lines.take(7)).toMatchObject({ lines: { length: SHOWN - 3 }, more: 0 })
  offer(lines, 5)
  expect(lines.take(4 + INTERVAL)).toBeUndefined()
  expect(lines.take(5 + INTERVAL)).toMatchObject({ lines: [], more: 105 + 3 - SHOWN })
  expect(lines.room).toBe(SHOWN)
  expect(lines.take(10 * INTERVAL)).toBeUndefined()
  // The interval begins with its first line.
  offer(lines, 1)
  expect(lines.take(20 * INTERVAL)).toMatchObject({ lines: [line('k0')] })
  offer(lines, 1)
  expect(lines.take(20 * INTERVAL + 1)).toMatchObject({ lines: [line('k0')] })
  expect(lines.room).toBe(SHOWN - 2)
})

test('what is left at the end is reported without waiting for the interval', () => {
  const lines = new LimitedLines('topic', 'large')
  expect(lines.end()).toBeUndefined()
  offer(lines, SHOWN + 4)
  expect(lines.end()).toMatchObject({ of: 'topic', name: 'large', lines: { length: SHOWN }, more: 4 })
})
