import { expect, test } from 'vitest'
import { afterFailure, failuresInRow } from './restart-policy.ts'

const crash = { code: 'CONTAINER_ENDED', message: 'killed' } as const

test('the pauses before restarts double from half a second, and the eighth failure in a row is the last', () => {
  const pauses = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => afterFailure(failures, crash))
  expect(pauses).toEqual([
    { restartInMs: 500 },
    { restartInMs: 1000 },
    { restartInMs: 2000 },
    { restartInMs: 4000 },
    { restartInMs: 8000 },
    { restartInMs: 16_000 },
    { restartInMs: 30_000 },
    'give up',
  ])
})

test('a refused start is given up at once', () => {
  expect(afterFailure(1, { code: 'STORE_CHANGED', message: 'changed' })).toBe('give up')
})

test.each(['JOB_RUNNING', 'JOB_CHANGED', 'TOPIC_RESCALED'] as const)(
  '%s passes when the others have ended, so the container is started again',
  (code) => {
    expect(afterFailure(1, { code, message: 'others' })).toEqual({ restartInMs: 500 })
  },
)

test('a failure after a minute of running counts as the first', () => {
  expect(failuresInRow(5, 59_999)).toBe(6)
  expect(failuresInRow(5, 60_000)).toBe(1)
})
