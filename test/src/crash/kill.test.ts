import { expect, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { EVERYTHING, forEach, needs, sampled, TIMEOUT_MS } from './extent.ts'
import { ORDERS, ScratchDirectory } from './job-process.ts'
import { Outcomes } from './outcomes.ts'
import { type CallPoint, hasStrace, runWithFault, tracePoints } from './system-calls.ts'

/** The number of crash points in `npm test`; every point with `npm run crash`. */
const POINTS = 8
/** At every so many points, the process that recovers is killed as well. */
const TWICE_EVERY = 3

test('a job that is killed at any file-system call continues with the right result, also when it is killed again', {
  timeout: TIMEOUT_MS,
}, async (context) => {
  needs(context, hasStrace(), 'strace')
  const points = await tracePoints()
  // If only few calls are found, the trace is not parsed correctly.
  expect(new Set(points.map(({ call }) => call)).size).toBeGreaterThanOrEqual(8)
  expect(points.length).toBeGreaterThan(300)
  const random = seededRandom(1)
  // A file with a random name has another name in the run that recovers.
  const lasting = points.filter(({ path }) => !/[0-9a-f]{8}-[0-9a-f]{4}-/.test(path))
  const anyPoint = () => lasting[Math.floor(random() * lasting.length)]
  const outcomes = new Outcomes(`kill -9 at file-system calls (of ${points.length} a run)`)
  const first = sampled(points, POINTS)
  await forEach(first, async (point, index) => {
    const second = index % TWICE_EVERY === 0 ? anyPoint() : undefined
    await killAt(second === undefined ? [point] : [point, second], outcomes)
  })
  outcomes.report()
  expect(outcomes.violations).toEqual([])
  expect(outcomes.of('killed')).toBeGreaterThan(first.length * 0.8)
  if (EVERYTHING) expect(outcomes.of('killed again')).toBeGreaterThan(first.length / TWICE_EVERY / 2)
})

async function killAt(points: readonly CallPoint[], outcomes: Outcomes): Promise<void> {
  using scratch = new ScratchDirectory()
  const where = points.map(({ call, index, path }) => `${call} ${index} (${path})`).join(', then ')
  let acknowledged = 0
  for (const [index, point] of points.entries()) {
    const { ended } = await runWithFault(scratch.path, point, 'signal=KILL', { again: index > 0 })
    acknowledged = Math.max(acknowledged, ended.acknowledged)
    outcomes.tried()
    if (ended.signal === 'SIGKILL') outcomes.count(index === 0 ? 'killed' : 'killed again')
    else if (ended.code === 0) outcomes.count('ended before')
    else outcomes.violation(where, ended.output)
  }
  outcomes.classify(where, await check(scratch.path, { orders: ORDERS, acknowledged }))
}
