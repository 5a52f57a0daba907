import assert from 'node:assert/strict'
import type { Log } from '../contracts/log.ts'
import type { Assignment, Membership } from '../contracts/membership.ts'
import { assigned, sharedTests } from './groups.ts'
import type { LogTests } from './log-tests.ts'

const TASKS = ['t-0', 't-1']

const join = (log: Log) => log.join('group', { tasks: TASKS, description: 'this job', address: null, standbys: 1 })

const until = (member: Membership, tasks: number, standbys: number): Promise<Assignment> =>
  assigned(member, (found) => found.tasks.length === tasks && found.standbys.length === standbys)

/** A member that has the tasks, and one whose standbys of them are not ready. */
async function joinTwo(log: Log, other: Log) {
  const first = await join(log)
  assert.deepEqual((await assigned(first)).standbys, [])
  const second = await join(other)
  const warming = await until(second, 0, 2)
  await first.release(await until(first, 2, 0))
  await second.release(warming)
  return { first, second, warming }
}

/** Members keep standbys of each other's tasks, and take these over. */
export function groupStandbysConformance(tests: LogTests): void {
  const shared = sharedTests(tests)

  shared('a task moves to a member that joined only once its standby there is ready', async (log, other) => {
    const { first, second, warming } = await joinTwo(log, other)
    await second.reportStandbys(warming, TASKS)
    const kept = await until(first, 1, 0)
    // The next owner keeps the standby until the task is released.
    assert.deepEqual((await assigned(second, ({ generation }) => generation >= kept.generation)).standbys, TASKS)
    await first.release(kept)
    const gained = await until(second, 1, 1)
    assert.deepEqual([...gained.tasks, ...gained.standbys].sort(), TASKS)
    assert.deepEqual((await until(first, 1, 1)).standbys, gained.tasks)
    await second.leave()
    await first.leave()
  })

  shared('a member that leaves gives its tasks to the members that have a standby of them', async (log, other) => {
    const { first, second } = await joinTwo(log, other)
    await first.leave()
    const alone = await until(second, 2, 0)
    assert.deepEqual(alone.tasks, TASKS)
    await second.leave()
  })

  shared('a report of standbys counts for the assignment that it names', async (log, other) => {
    const { first, second, warming } = await joinTwo(log, other)
    await second.reportStandbys({ ...warming, generation: warming.generation - 1 }, TASKS)
    await second.reportStandbys(warming, ['t-1'])
    assert.deepEqual((await until(first, 1, 0)).tasks, ['t-0'])
    await second.leave()
    await first.leave()
  })
}
