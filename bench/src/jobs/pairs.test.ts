import { expect, test } from 'vitest'
import { NEW_KEYS, SESSIONS, STATEFUL, STATELESS, STREAM_JOIN, TABLE_JOIN, TIMERS } from './contests.ts'
import { runPairs } from './pairs.ts'

// Enough for several batches, and for windows with many records. The test checks neither the time nor the ratio.
const FLIGHTS = 12_000
const TEST_MS_MAX = 60_000

test.each([STATELESS, STATEFUL, NEW_KEYS, TABLE_JOIN, SESSIONS, TIMERS, STREAM_JOIN])(
  'the loop by hand and the job come to the same results, $title',
  async (contest) => {
    const report = await runPairs(contest, FLIGHTS, 1)
    expect(report).toContain('on Millrace')
  },
  TEST_MS_MAX,
)
