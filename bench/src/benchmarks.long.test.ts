import { expect, test } from 'vitest'
import { runCompaction } from './file-log/compaction.ts'
import { runThroughput } from './file-log/throughput.ts'
import { runCost } from './guarantee/cost.ts'
import { STATEFUL, STATELESS } from './jobs/contests.ts'
import { runVisible } from './latency/visible.ts'
import { runWakeUp } from './latency/wake-up.ts'
import { runDeploys } from './node/deploys.ts'
import { runProducer } from './producer/producer.ts'
import { runRestore } from './state/restore.ts'
import { runUpdates } from './state/updates.ts'
import { runTakeOver } from './take-over/take-over.ts'
import { runBusyQueries } from './views/busy-queries.ts'
import { runQueries } from './views/queries.ts'
import { runSubscribers } from './views/subscribers.ts'

// Each benchmark checks its results. The test ignores the figures: so little data measures nothing.
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
  'a typed writer and a loop by hand leave the same records',
  async () => {
    const report = await runProducer(6000, 1)
    expect(report.split('\n').filter((line) => line.includes(': TopicWriter'))).toHaveLength(2)
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'a stream of records passes a job once while it is deployed, upgraded and killed',
  async () => {
    const report = await runDeploys(1, 300)
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'each subscriber of a key gets its changes',
  async () => {
    expect(await runSubscribers(50, 1000, 1)).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'the view server and a bare server answer while their job is busy',
  async () => {
    expect(await runBusyQueries(300_000, 20, 1)).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'compaction leaves a record of every key',
  async () => {
    const report = await runCompaction(5000)
    expect(report).toContain('every key twice')
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
  'a job with either guarantee passes on every record once',
  async () => {
    const report = await runVisible(20, 5, 1, [10])
    expect(report.split('\n').filter((line) => line.includes('a commit each 10 ms'))).toHaveLength(2)
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test.each([STATELESS, STATEFUL])(
  'a job comes to the same results with either guarantee, $title',
  async (contest) => {
    const report = await runCost(contest, 12_000, 1, [10])
    expect(report).toContain('exactly-once, a commit each 10 ms')
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'a restored state is the same as before',
  async () => {
    const report = await runRestore(12_000, 1)
    expect(report).toContain('bare loop')
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'random updates of a large store come to the same totals by hand and on Millrace',
  async () => {
    const report = await runUpdates(1000, 3000, 1)
    expect(report).toContain('on Millrace')
    expect(report).not.toContain('NaN')
  },
  TEST_MS_MAX,
)

test(
  'a process takes a killed one over from a standby without a restore, and without any state by reading its changelog',
  async () => {
    const report = await runTakeOver(300_000, 1)
    const restored = report
      .split('\n')
      .slice(2, 5)
      .map((line) => Number.parseInt(line.split(' | ')[2] ?? '', 10))
    expect(restored[0]).toBe(0)
    expect(restored[1]).toBe(0)
    expect(restored[2]).toBeGreaterThanOrEqual(300)
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
