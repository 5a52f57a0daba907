import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FixedWindows } from './window.ts'
import { isWindowClosed, lastWindowStart, nextWindowStart } from './window-assignment.ts'

const specs = fc
  .record({
    sizeMs: fc.integer({ min: 1, max: 60 }),
    advance: fc.double({ min: 0, max: 1, noNaN: true }),
    graceMs: fc.nat(30),
  })
  .map(
    ({ sizeMs, advance, graceMs }): FixedWindows => ({
      kind: 'hopping',
      sizeMs,
      advanceMs: Math.max(1, Math.floor(advance * sizeMs)),
      graceMs,
      retentionMs: undefined,
    }),
  )
const times = fc.integer({ min: -500, max: 500 })

/** Every window start from far before to far after the times used here. */
function allStarts({ advanceMs }: FixedWindows): number[] {
  const starts: number[] = []
  for (let n = -Math.ceil(1000 / advanceMs); n * advanceMs <= 1000; n++) starts.push(n * advanceMs)
  return starts
}

test('a time is in exactly the windows that start at or before it and end after it', () => {
  fc.assert(
    fc.property(specs, times, (spec, time) => {
      const expected = allStarts(spec).filter((start) => start <= time && time < start + spec.sizeMs)
      const walked: number[] = []
      let start = lastWindowStart(time, spec.advanceMs)
      for (; start + spec.sizeMs > time; start -= spec.advanceMs) walked.unshift(start)
      expect(walked).toEqual(expected)
    }),
  )
})

test('the first open window is the next one after those that a watermark has closed', () => {
  fc.assert(
    fc.property(specs, times, (spec, watermark) => {
      const open = allStarts(spec).filter((start) => start + spec.sizeMs + spec.graceMs > watermark)
      const first = nextWindowStart(watermark - spec.sizeMs - spec.graceMs, spec.advanceMs)
      expect(first).toBe(open[0])
      for (const start of allStarts(spec)) expect(isWindowClosed(start, watermark, spec)).toBe(start < first)
    }),
  )
})

test('a tumbling window starts where the one before it ends, before the epoch as after it', () => {
  expect([-3601, -3600, -1, 0, 3599, 3600].map((time) => lastWindowStart(time, 3600))).toEqual([
    -7200, -3600, -3600, 0, 0, 3600,
  ])
})
