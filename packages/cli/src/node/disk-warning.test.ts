import type { JobReport } from '@millrace/core'
import { expect, test } from 'vitest'
import { diskWarning, roomText } from './disk-warning.ts'

function report(
  diskBytes: number | null,
  diskBytesMax: number | null,
  phase: JobReport['phase'] = 'running',
): JobReport {
  const deployment = { release: { settings: { diskBytesMax } } } as JobReport['deployment']
  const nothing = { operation: null, containers: [], lag: 0, recordsPerSecond: 0, error: null }
  return { ...nothing, job: 'orders', phase, deployment, diskBytes }
}

test.each([
  [null, null, undefined],
  [null, 1024, 'at most 1.0 KiB on disk'],
  [0, 1024, '0 B of 1.0 KiB on disk'],
])('a job that takes %j of %j bytes: %s', (taken, max, text) => {
  expect(roomText(report(taken, max))).toBe(text)
})

test('a job is reported from 80% of its limit on, until it has failed', () => {
  expect(diskWarning(report(799, 1000))).toBeUndefined()
  expect(diskWarning(report(800, 1000))?.what).toContain('800 B on disk, and is stopped when it takes 1000 B')
  expect(diskWarning(report(1000, 1000, 'failed'))).toBeUndefined()
  expect(diskWarning(report(null, 1000))).toBeUndefined()
  expect(diskWarning(report(800, null))).toBeUndefined()
})
