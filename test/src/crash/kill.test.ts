import { expect, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { forEach, needs, sampled, TIMEOUT_MS } from './extent.ts'
import { ORDERS, ScratchDirectory } from './job-process.ts'
import { Outcomes } from './outcomes.ts'
import { type CallPoint, hasStrace, runWithFault, tracePoints } from './system-calls.ts'

/** Crash points in `npm test`; every one with `npm run crash`. */
const POINTS = 15
/** A process that recovers is killed as well, at every so many points. */
const TWICE_EVERY = 3

test('a job that is killed at any file-system call goes on as if nothing had been, also when it is killed again', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  needs(context, hasStrace(), 'strace')
  const points = await tracePoints()
  // Were few calls seen, the trace would not be read as it is.
  expect(new Set(points.map(({ call }) => call)).size).toBeGreaterThanOrEqual(8)
  expect(points.length).toBeGreaterThan(300)
  const random = seededRandom(1)
  const anyPoint = () => points[Math.floor(random() * points.length)]
  const outcomes = new Outcomes(`kill -9 at file-system calls (of ${points.length} a run)`)
  await forEach(sampled(points, POINTS), async (point, index) => {
    const second = index % TWICE_EVERY === 0 ? anyPoint() : undefined
    await killAt(second === undefined ? [point] : [point, second], outcomes)
  })
  outcomes.report()
  expect(outcomes.violations).toEqual([])
  expect(outcomes.of('killed')).toBeGreaterThan(outcomes.faults * 0.8)
})

async function killAt(points: readonly CallPoint[], outcomes: Outcomes): Promise<void> {
  using scratch = new ScratchDirectory()
  const where = points.map(({ call, index, path }) => `${call} ${index} (${path})`).join(', then ')
  let acknowledged = 0
  for (const [index, point] of points.entries()) {
    const { ended } = await runWithFault(scratch.path, point, 'signal=KILL', { again: index > 0 })
    acknowledged = Math.max(acknowledged, ended.acknowledged)
    outcomes.tried()
    if (ended.signal === 'SIGKILL') outcomes.count('killed')
    else if (ended.code === 0) outcomes.count('ended before')
    else outcomes.violation(where, ended.output)
  }
  outcomes.judge(where, await check(scratch.path, { orders: ORDERS, acknowledged }))
}
