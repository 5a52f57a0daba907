import { expect, onTestFinished, test } from 'vitest'
import { check } from './check.ts'
import { forEachReached, needs, TIMEOUT_MS } from './extent.ts'
import { FaultyWrites } from './faulty-writes.ts'
import { ORDERS, ScratchDirectory } from './job-process.ts'
import { Outcomes } from './outcomes.ts'

/** The number of writes of each kind in `npm test`; every write with `npm run crash`. */
const WRITES = 6

test.for([
  ['torn', 'a job that dies in the middle of any write continues with the right result'],
  ['short', 'a write that the disk takes a part of is finished'],
] as const)('%s writes: %s', { timeout: TIMEOUT_MS }, async ([mode], context) => {
  const faulty = FaultyWrites.compile()
  needs(context, faulty !== undefined, 'gcc')
  if (faulty === undefined) return
  onTestFinished(() => faulty[Symbol.dispose]())
  const count = await faulty.count()
  // How many there are depends on how many commits fit between two rounds of orders.
  expect(count).toBeGreaterThan(100)
  const writes = Array.from({ length: count }, (_, index) => index + 1)
  const outcomes = new Outcomes(`${mode} writes (of ${count} a run)`)
  const { reached, atLeast } = await forEachReached(writes, WRITES, async (write) => {
    using scratch = new ScratchDirectory()
    const where = `${mode} write ${write}`
    const ended = await faulty.run(scratch.path, mode, write)
    outcomes.tried()
    if (ended.signal === 'SIGKILL') outcomes.count('killed')
    else if (ended.code === 0) outcomes.count('went on')
    else outcomes.violation(where, ended.output)
    outcomes.classify(where, await check(scratch.path, { orders: ORDERS, acknowledged: ended.acknowledged }))
    return ended.signal === 'SIGKILL' || mode === 'short'
  })
  outcomes.report()
  expect(outcomes.violations).toEqual([])
  if (mode === 'torn') expect(reached).toBeGreaterThanOrEqual(atLeast)
  else expect(outcomes.of('went on')).toBe(outcomes.faults)
})
