import { expect, test } from 'vitest'
import { seededRandom } from '../flights/seeded-random.ts'
import { check } from './check.ts'
import { EVERYTHING, forEachReached, needs, TIMEOUT_MS } from './extent.ts'
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
  const { reached, atLeast } = await forEachReached(points, POINTS, (point, index) => {
    const second = index % TWICE_EVERY === 0 ? anyPoint() : undefined
    return killAt(second === undefined ? [point] : [point, second], outcomes)
  })
  outcomes.report()
  expect(outcomes.violations).toEqual([])
  expect(reached).toBeGreaterThanOrEqual(atLeast)
  if (EVERYTHING) expect(outcomes.of('killed again')).toBeGreaterThan(reached / TWICE_EVERY / 2)
})

/** Kills a run at each of the points, one run after the other. Returns whether the first run came to its point. */
async function killAt(points: readonly CallPoint[], outcomes: Outcomes): Promise<boolean> {
  using scratch = new ScratchDirectory()
  const where = points.map(({ call, index, path }) => `${call} ${index} (${path})`).join(', then ')
  let acknowledged = 0
  let reached = false
  for (const [index, point] of points.entries()) {
    const { ended } = await runWithFault(scratch.path, point, 'signal=KILL', { again: index > 0 })
    acknowledged = Math.max(acknowledged, ended.acknowledged)
    outcomes.tried()
    if (index === 0) reached = ended.signal === 'SIGKILL'
    if (ended.signal === 'SIGKILL') outcomes.count(index === 0 ? 'killed' : 'killed again')
    else if (ended.code === 0) outcomes.count('ended before')
    else outcomes.violation(where, ended.output)
  }
  outcomes.classify(where, await check(scratch.path, { orders: ORDERS, acknowledged }))
  return reached
}
