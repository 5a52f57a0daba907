import { expect, test } from 'vitest'
import { runThroughput } from './file-log/throughput.ts'
import { runWakeUp } from './latency/wake-up.ts'
import { runQueries } from './views/queries.ts'

// Each checks what it got. The figures are not looked at: so little data measures nothing.
const TEST_MS_MAX = 60_000

test(
  'the file log takes and gives every record once, for one process and for two',
  async () => {
    const report = await runThroughput(100, 6000, 1)
    expect(report.split('\n').filter((line) => line.includes(': file log'))).toHaveLength(4)
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'a reader that sleeps gets every record of another process',
  async () => {
    const report = await runWakeUp(20, 1)
    expect(report).toContain('p99')
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'the view server answers every request',
  async () => {
    const report = await runQueries(12_000, 200, 1)
    expect(report).toContain('GET by key and window')
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)
