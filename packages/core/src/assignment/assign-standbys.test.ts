import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignStandbys } from './assign-standbys.ts'
import { assignTasks } from './assign-tasks.ts'

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

const plan = fc.record({
  tasks: fc.integer({ min: 0, max: 24 }),
  hosts: fc.integer({ min: 1, max: 6 }),
  count: fc.integer({ min: 1, max: 3 }),
  /** Which members have a copy of each task: present ones, or ones that have left. */
  copies: fc.array(fc.uniqueArray(fc.integer({ min: 0, max: 8 }), { maxLength: 3 }), { minLength: 24, maxLength: 24 }),
  owners: fc.array(fc.integer({ min: 0, max: 8 }), { minLength: 24, maxLength: 24 }),
})

type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

/** A choice whose tasks are spread evenly over the hosts. */
function evenChoice({ tasks: amount, hosts: hostAmount, count, copies, owners }: Plan) {
  const [tasks, hosts] = [names('t', amount), names('m', hostAmount)]
  const before = new Map(tasks.map((task, at) => [task, `m${owners[at]}`]))
  return {
    tasks,
    hosts,
    count,
    owners: assignTasks(tasks, hosts, before),
    copies: new Map(tasks.map((task, at) => [task, (copies[at] ?? []).map((member) => `m${member}`)])),
  }
}

const loads = (hosts: readonly string[], chosen: ReadonlyMap<string, readonly string[]>) =>
  hosts.map((host) => [...chosen.values()].filter((each) => each.includes(host)).length)

test('every task has as many standbys as there are other hosts, up to the number, and none is with its owner', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const choice = evenChoice(each)
      const chosen = assignStandbys(choice)
      for (const task of choice.tasks) {
        const members = chosen.get(task) ?? []
        expect(members).toHaveLength(Math.min(choice.count, choice.hosts.length - 1))
        expect(new Set(members).size).toBe(members.length)
        expect(members).not.toContain(choice.owners.get(task))
      }
    }),
  )
})

test('if the tasks are spread evenly, no member has two standbys more than another', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const choice = evenChoice(each)
      const counts = loads(choice.hosts, assignStandbys(choice))
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    }),
  )
})

test('a second choice moves no standby', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const choice = evenChoice(each)
      const once = assignStandbys(choice)
      expect(assignStandbys({ ...choice, copies: once })).toEqual(once)
    }),
  )
})

/** The most copies that stay in any even spread, found by trying every spread. */
function mostKept({ tasks, hosts, count, owners, copies }: ReturnType<typeof evenChoice>): number {
  let most = 0
  const tryTask = (at: number, counts: readonly number[], kept: number) => {
    const task = tasks[at]
    if (task === undefined) {
      if (Math.max(...counts) - Math.min(...counts) <= 1) most = Math.max(most, kept)
      return
    }
    const others = hosts.filter((host) => host !== owners.get(task))
    for (let bits = 0; bits < 2 ** others.length; bits++) {
      const members = others.filter((_, index) => ((bits >> index) & 1) === 1)
      if (members.length !== Math.min(count, others.length)) continue
      const stay = members.filter((member) => copies.get(task)?.includes(member)).length
      tryTask(
        at + 1,
        hosts.map((host, index) => (counts[index] ?? 0) + Number(members.includes(host))),
        kept + stay,
      )
    }
  }
  tryTask(
    0,
    hosts.map(() => 0),
    0,
  )
  return most
}

test('as many copies stay as an even spread allows', () => {
  const small = plan.map((each) => ({ ...each, tasks: each.tasks % 6, hosts: 1 + (each.hosts % 4) }))
  fc.assert(
    fc.property(small, (each) => {
      const choice = evenChoice(each)
      const chosen = assignStandbys(choice)
      const kept = choice.tasks.reduce(
        (sum, task) =>
          sum + (chosen.get(task) ?? []).filter((member) => choice.copies.get(task)?.includes(member)).length,
        0,
      )
      expect(kept).toBe(mostKept(choice))
    }),
  )
})

test("the standbys of an owner's tasks are with different members, if no copy exists yet", () => {
  const [tasks, hosts] = [names('t', 12), names('m', 4)]
  const owners = assignTasks(tasks, hosts, new Map())
  const chosen = assignStandbys({ tasks, hosts, count: 1, owners, copies: new Map() })
  for (const owner of hosts) {
    const successors = tasks.flatMap((task) => (owners.get(task) === owner ? (chosen.get(task) ?? []) : []))
    expect(successors.sort()).toEqual(hosts.filter((host) => host !== owner))
  }
})

test('without hosts there are no standbys', () => {
  const chosen = assignStandbys({
    tasks: ['t0'],
    hosts: [],
    count: 1,
    owners: new Map([['t0', 'a']]),
    copies: new Map(),
  })
  expect(chosen).toEqual(new Map([['t0', []]]))
})
