import assert from 'node:assert/strict'
import { lastValueFrom } from 'rxjs'
import type { Log } from '../contracts/log.ts'
import type { Membership } from '../contracts/membership.ts'
import { rejects, valuesIn } from './expectations.ts'
import { assigned, sharedTests } from './groups.ts'
import type { LogTests } from './log-tests.ts'
import { write } from './records.ts'
import { TaskHolders, Worker } from './task-holders.ts'

const TASKS = ['t0', 't1', 't2', 't3']
const SESSION_TIMEOUT_MS = 1000

const join = (log: Log, address: string | null = null, tasks = TASKS, description = 'this job') =>
  log.join('group', { tasks, description, address, sessionTimeoutMs: SESSION_TIMEOUT_MS })

const joinUpgrade = (log: Log, tasks: readonly string[], description: string) =>
  log.join('group', { tasks, description, address: null, upgrade: true, sessionTimeoutMs: SESSION_TIMEOUT_MS })

/** The tasks of a member once it waits, or no longer waits, for members that run something else. */
const waits = async (member: Membership, wanted: boolean) =>
  (await assigned(member, (each) => each.waits === wanted)).tasks

const withTasks = (member: Membership, count: number) => assigned(member, ({ tasks }) => tasks.length === count)

/** Members share the tasks of a group, and no task ever has two owners. */
export function membershipConformance(tests: LogTests): void {
  const { factory } = tests
  const shared = sharedTests(tests)

  shared('the first member has every task, and a later subscriber gets its assignment at once', async (log) => {
    const member = await join(log, 'here:1')
    const first = await assigned(member)
    assert.deepEqual(first.tasks, TASKS)
    assert.deepEqual(first.members, [{ member: member.member, address: 'here:1', tasks: TASKS }])
    assert.deepEqual(await assigned(member), first)
  })

  shared('a task moves only once its owner has released it', async (log, other) => {
    const first = await join(log, 'here:1')
    const second = await join(other, 'here:2')
    const kept = await withTasks(first, 2)
    assert.deepEqual((await assigned(second)).tasks, [])
    await first.release(kept)
    const gained = await withTasks(second, 2)
    assert.ok(gained.generation > kept.generation)
    assert.deepEqual([...kept.tasks, ...gained.tasks].sort(), TASKS)
    const byMember = new Map(gained.members.map(({ member, address, tasks }) => [member, { address, tasks }]))
    assert.deepEqual(
      byMember,
      new Map([
        [first.member, { address: 'here:1', tasks: kept.tasks }],
        [second.member, { address: 'here:2', tasks: gained.tasks }],
      ]),
    )
  })

  shared('a task moves to a member whose tasks load it less', async (log, other) => {
    const first = await join(log)
    const second = await join(other)
    const kept = await withTasks(first, 2)
    await first.release(kept)
    const gained = await withTasks(second, 2)
    await first.reportLoads(new Map(kept.tasks.map((task) => [task, 48])))
    await second.reportLoads(new Map(gained.tasks.map((task) => [task, 2])))
    // One of the two hot tasks goes, and one of the others is to come for it.
    const lessened = await assigned(first, ({ tasks }) => tasks.length === 1 && kept.tasks.includes(tasks[0] ?? ''))
    await first.release(lessened)
    await second.release(
      await assigned(second, ({ tasks }) => tasks.filter((task) => gained.tasks.includes(task)).length === 1),
    )
    const [one, two] = [await withTasks(first, 2), await withTasks(second, 2)]
    for (const { tasks } of [one, two]) assert.equal(tasks.filter((task) => kept.tasks.includes(task)).length, 1)
  })

  shared("a member's writer writes transactions, and nothing more once the member has left", async (log, other) => {
    await log.admin.createTopic('t')
    const member = await join(log)
    const writer = await member.openWriter()
    write(await writer.openPartition('t', 0), 'k', 'committed')
    await writer.commit([])
    assert.deepEqual(await valuesIn(other), ['committed'])
    await writer.close()
    await member.leave()
    await rejects('MEMBER_FENCED', member.openWriter())
  })

  shared('a member that leaves gives all of its tasks to the others', async (log, other) => {
    const first = await join(log)
    const second = await join(other)
    await first.release(await withTasks(first, 2))
    await withTasks(second, 2)
    const ended = lastValueFrom(first.assignments)
    await first.leave()
    await ended
    assert.deepEqual((await withTasks(second, 4)).tasks, TASKS)
    await first.leave()
    await second.leave()
  })

  shared('a third member takes from each other member as many tasks as an even spread needs', async (log, other) => {
    const tasks = [...TASKS, 't4', 't5']
    const first = await join(log, null, tasks)
    const second = await join(other, null, tasks)
    await first.release(await withTasks(first, 3))
    const before = [(await withTasks(first, 3)).tasks, (await withTasks(second, 3)).tasks]
    const third = await join(log, null, tasks)
    const after = [await withTasks(first, 2), await withTasks(second, 2)]
    after.forEach((assignment, index) => {
      assert.ok(assignment.tasks.every((task) => before[index]?.includes(task)))
    })
    for (const [index, member] of [first, second].entries()) {
      const assignment = after[index]
      if (assignment !== undefined) await member.release(assignment)
    }
    assert.equal((await withTasks(third, 2)).tasks.length, 2)
  })

  shared('a late release takes no task that was given back meanwhile', async (log, other) => {
    const first = await join(log)
    const second = await join(other)
    const reduced = await withTasks(first, 2)
    await second.leave()
    await withTasks(first, 4)
    const third = await join(other)
    const again = await withTasks(first, 2)
    await first.release(reduced)
    await third.openWriter()
    assert.deepEqual((await assigned(third)).tasks, [])
    await first.release(again)
    await withTasks(third, 2)
  })

  shared('members with other tasks are refused while the group runs', async (log, other) => {
    const first = await join(log)
    await rejects('JOB_CHANGED', join(other, null, ['t0', 't9']))
    await first.leave()
    const second = await join(other, null, ['t0', 't9'])
    assert.deepEqual((await assigned(second)).tasks, ['t0', 't9'])
  })

  shared(
    'a member that runs something else is refused while the group runs, and changes nothing',
    async (log, other) => {
      const first = await join(log)
      const before = await assigned(first)
      await rejects('JOB_CHANGED', join(other, null, TASKS, 'another job'))
      await first.openWriter()
      assert.deepEqual(await assigned(first), before)
      const same = await join(other)
      await same.leave()
      await first.leave()
      const second = await join(other, null, TASKS, 'another job')
      assert.deepEqual((await assigned(second)).tasks, TASKS)
      await rejects('JOB_CHANGED', join(log))
    },
  )

  shared('a group changes to other tasks when the last member of the former ones has left', async (log, other) => {
    const first = await join(log)
    const tasks = ['t0', 't1', 'new']
    const waiting = [await joinUpgrade(other, tasks, 'upgrade'), await joinUpgrade(other, tasks, 'upgrade')]
    for (const member of waiting) assert.deepEqual(await waits(member, true), [])
    await rejects('JOB_CHANGED', joinUpgrade(other, tasks, 'another upgrade'))
    await rejects('JOB_CHANGED', join(other, null, tasks, 'upgrade'))
    const second = await join(log)
    await first.release(await withTasks(first, 2))
    await withTasks(second, 2)
    await first.leave()
    await withTasks(second, 4)
    for (const member of waiting) assert.deepEqual(await waits(member, true), [])
    await second.leave()
    const taken = await Promise.all(waiting.map((member) => waits(member, false)))
    assert.deepEqual(taken.flat().sort(), [...tasks].sort())
    await rejects('JOB_CHANGED', join(log))
  })

  shared('a group takes another upgrade when no member waits for the former one any more', async (log, other) => {
    const first = await join(log)
    const given = await joinUpgrade(other, ['t0'], 'given up')
    await given.leave()
    const next = await joinUpgrade(other, ['t9'], 'upgrade')
    assert.deepEqual((await assigned(first, ({ members }) => members.length === 2)).tasks, TASKS)
    await first.leave()
    assert.deepEqual(await waits(next, false), ['t9'])
    await next.openWriter()
  })

  shared('a claim and a group of the same name exclude each other', async (log, other) => {
    const member = await join(log)
    await rejects('JOB_RUNNING', other.claim('group'))
    await member.leave()
    const claim = await other.claim('group')
    await rejects('JOB_RUNNING', join(log))
    await claim.release()
    await join(log)
  })

  shared('a member whose log is closed has left', async (log, other) => {
    const third = await factory.again(log)
    const first = await join(third)
    await assigned(first)
    const second = await join(other)
    await third.close()
    assert.deepEqual((await withTasks(second, 4)).tasks, TASKS)
  })

  shared('a group must have a valid name', async (log) => {
    await rejects('BAD_NAME', log.join('../group', { tasks: TASKS, description: 'this job', address: null }))
  })

  shared(
    'however members come and go, no task has two owners, and in the end each has its share',
    async (log, other) => {
      const tasks = Array.from({ length: 7 }, (_, index) => `t${index}`)
      const holders = new TaskHolders()
      const workers: Worker[] = []
      for (const [step, action] of [...'++-+++--+-+++--+'].entries()) {
        if (action === '+') workers.push(new Worker(await join(step % 3 === 0 ? log : other, null, tasks), holders))
        else await workers.splice((step * 5) % workers.length, 1)[0]?.stop()
      }
      assert.equal(workers.length, 4)
      await holders.until(() => holders.size === 7 && workers.every(({ count }) => count === 1 || count === 2))
      for (const worker of workers) await worker.stop()
      assert.equal(holders.size, 0)
    },
  )

  shared(
    'a member without a sign of life counts as dead, gets MEMBER_FENCED when it continues, and may join again',
    async (log, other) => {
      if (factory.pause === undefined) return
      const first = await join(log)
      const second = await join(other)
      await first.release(await withTasks(first, 2))
      await withTasks(second, 2)
      const resume = factory.pause(log)
      assert.deepEqual((await withTasks(second, 4)).tasks, TASKS)
      resume()
      await rejects('MEMBER_FENCED', lastValueFrom(first.assignments))
      await rejects('MEMBER_FENCED', first.openWriter())
      await first.leave()
      const back = await join(log)
      assert.notEqual(back.member, first.member)
      await second.release(await withTasks(second, 2))
      await withTasks(back, 2)
    },
  )
}
