import assert from 'node:assert/strict'
import type { Log } from '../contracts/log.ts'
import type { Assignment } from '../contracts/membership.ts'
import { assigned, sharedTests } from './groups.ts'
import type { LogTests } from './log-tests.ts'

const TASKS = ['t0', 't1']

const join = (log: Log, untilEnd = true) =>
  log.join('group', { tasks: TASKS, description: 'this job', address: null, untilEnd })

/** Two members that have a task each, and the first assignments, which give them these tasks. */
async function twoMembers(log: Log, other: Log) {
  const first = await join(log)
  const second = await join(other)
  await first.release(await assigned(first, ({ tasks }) => tasks.length === 1))
  const hasBoth = ({ members }: Assignment) => members.every(({ tasks }) => tasks.length === 1)
  return { first, second, assignments: [await assigned(first, hasBoth), await assigned(second, hasBoth)] as const }
}

/** Members that run until the end find out together that all of them have reached it. */
export function groupEndConformance(tests: LogTests): void {
  const shared = sharedTests(tests)

  shared('the group has ended when all members are at their end and have looked once more', async (log, other) => {
    const { first, second, assignments } = await twoMembers(log, other)
    await first.reportEnd(assignments[0], true)
    await second.reportEnd(assignments[1], true)
    // An assignment brought what each of them knows about the other's report.
    const later = (known: Assignment) => (found: Assignment) => found.generation >= known.generation + 2
    const again = await Promise.all([assigned(first, later(assignments[0])), assigned(second, later(assignments[1]))])
    assert.deepEqual(
      again.map(({ ended }) => ended),
      [false, false],
    )
    await first.reportEnd(again[0], true)
    await second.reportEnd(again[1], true)
    const ended = await Promise.all([first, second].map((member) => assigned(member, (found) => found.ended)))
    assert.deepEqual(ended[0]?.tasks, assignments[0].tasks)
    await first.leave()
    const last = await assigned(second, ({ members }) => members.length === 1)
    assert.equal(last.ended, true)
    assert.deepEqual(last.tasks, assignments[1].tasks)
    await second.leave()
  })

  shared('the group waits for a member that finds records again', async (log, other) => {
    const { first, second, assignments } = await twoMembers(log, other)
    await first.reportEnd(assignments[0], true)
    await second.reportEnd(assignments[1], true)
    const both = ({ generation }: Assignment) => generation >= assignments[1].generation + 2
    const again = await assigned(second, both)
    await first.reportEnd(assignments[0], false)
    await second.reportEnd(again, true)
    const known = await assigned(second, ({ generation }) => generation > again.generation)
    await second.reportEnd(known, true)
    const newer = await assigned(first, ({ generation }) => generation > again.generation)
    assert.equal(newer.ended, false)
    await first.reportEnd(newer, true)
    const third = await assigned(second, ({ generation }) => generation > newer.generation)
    assert.equal(third.ended, false)
  })

  shared('a new member begins the end of the group again', async (log, other) => {
    const first = await join(log)
    const alone = await assigned(first, ({ tasks }) => tasks.length === 2)
    const second = await join(other)
    // For the assignment that it had before: it may have lost tasks since, and may have been given others.
    await first.reportEnd(alone, true)
    const shared = await assigned(first, ({ tasks }) => tasks.length === 1)
    assert.equal(shared.ended, false)
    assert.equal((await assigned(second, () => true)).ended, false)
  })

  shared('the group does not wait for a member that runs without an end', async (log, other) => {
    const ending = await join(log)
    const endless = await join(other, false)
    const assignment = await assigned(ending, ({ tasks }) => tasks.length === 1)
    await ending.release(assignment)
    const settled = await assigned(ending, ({ members }) => members.every(({ tasks }) => tasks.length === 1))
    await ending.reportEnd(settled, true)
    await assigned(ending, ({ ended }) => ended)
    await ending.leave()
    const all = await assigned(endless, ({ tasks }) => tasks.length === 2)
    assert.equal(all.ended, false)
  })
}
