import { statSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import { check } from './check.ts'
import { forEach, forEachReached, needs, sampled, TIMEOUT_MS } from './extent.ts'
import { ORDERS, ScratchDirectory } from './job-process.ts'
import { Outcomes } from './outcomes.ts'
import { type CallPoint, callsAfter, hasStrace, runWithFault, tracePoints } from './system-calls.ts'

/** The number of calls for each kind of error in `npm test`; every call with `npm run crash`. */
const POINTS = 6

const SYNCS = ['fsync', 'fdatasync']

/**
 * The codes with which a run may stop, by error: the code depends on whether the log or a store met the error. A run may also
 * continue: it does not stop for an index, for a store that is opened again, or for work that only cleans up.
 */
const STOPS = {
  ENOSPC: ['LOG_FULL', 'STATE_REBUILD_FAILED'],
  EIO: ['LOG_WRITE_FAILED', 'STATE_REBUILD_FAILED'],
} as const

const isSegment = ({ path }: CallPoint) => /\/\d{20}\.log$/.test(path)

/** What is synced, and the codes with which a run may stop. `LOG_WRITE_FAILED` if something was being created: a topic, the data directory. */
const SYNCED = [
  { what: 'a segment', isOne: isSegment, stops: ['LOG_SYNC_FAILED'] },
  {
    what: 'anything else',
    isOne: (point: CallPoint) => !isSegment(point),
    stops: ['LOG_SYNC_FAILED', 'LOG_WRITE_FAILED'],
  },
]

let points: readonly CallPoint[] = []

beforeAll(async () => {
  if (hasStrace()) points = await tracePoints()
})

describe.each(['ENOSPC', 'EIO'] as const)('a disk that answers %s', (error) => {
  test('at any call that changes files costs nothing that was acknowledged, and is reported by name', {
    timeout: TIMEOUT_MS,
  }, async (context) => {
    needs(context, hasStrace(), 'strace')
    const changing = points.filter(({ call }) => !SYNCS.includes(call))
    expect(changing.length).toBeGreaterThan(200)
    const outcomes = new Outcomes(`${error} at file-system calls (of ${changing.length} a run)`)
    await forEach(sampled(changing, POINTS), async (point, index) => {
      using scratch = new ScratchDirectory()
      const lasting = index % 2 === 1
      const { ended } = await runWithFault(scratch.path, point, `error=${error}`, { lasting })
      const where = `${error} at ${nameOf(point)}${lasting ? ' and all after it' : ''}`
      outcomes.tried()
      if (ended.code === 0) outcomes.count('went on')
      else if (STOPS[error].some((code) => code === ended.stopped)) outcomes.count(`stopped with ${ended.stopped}`)
      else outcomes.violation(where, ended.output)
      outcomes.classify(where, await check(scratch.path, { orders: ORDERS, acknowledged: ended.acknowledged }))
    })
    outcomes.report()
    expect(outcomes.violations).toEqual([])
  })
})

test.for(SYNCED)(
  'a sync of $what in the log that fails stops the process, and is never tried again',
  {
    timeout: TIMEOUT_MS,
  },
  async ({ what, isOne, stops }, context) => {
    needs(context, hasStrace(), 'strace')
    const syncs = points.filter(
      (point) => SYNCS.includes(point.call) && !point.path.startsWith('state/') && isOne(point),
    )
    expect(syncs.length).toBeGreaterThan(50)
    const outcomes = new Outcomes(`EIO at syncs of ${what} in the log (of ${syncs.length} a run)`)
    const { reached, atLeast } = await forEachReached(syncs, POINTS / 2, async (point) => {
      using scratch = new ScratchDirectory()
      const { ended, trace } = await runWithFault(scratch.path, point, 'error=EIO')
      const where = `EIO at ${nameOf(point)}`
      outcomes.tried()
      if (ended.code === 0) outcomes.count('not reached')
      else outcomes.count(`stopped with ${ended.stopped}`)
      if (ended.code !== 0 && !stops.some((code) => code === ended.stopped)) outcomes.violation(where, ended.output)
      const again = callsAfter(point, trace, scratch.path).filter(
        ({ call, path }) => SYNCS.includes(call) && path === point.path,
      )
      // The compaction in the background may begin to sync the names of a partition before it can know of the failure. That it
      // begins nothing after that is tested in `cleaning.test.ts`.
      const isOfNames = statSync(`${scratch.path}/${point.path}`, { throwIfNoEntry: false })?.isDirectory() === true
      if (again.length > (isOfNames ? 1 : 0)) outcomes.violation(where, `synced again ${again.length} times`)
      outcomes.classify(where, await check(scratch.path, { orders: ORDERS, acknowledged: ended.acknowledged }))
      return ended.code !== 0
    })
    outcomes.report()
    expect(outcomes.violations).toEqual([])
    expect(reached).toBeGreaterThanOrEqual(atLeast)
  },
)

function nameOf({ call, path, index }: CallPoint): string {
  return `${call} ${index} (${path})`
}
