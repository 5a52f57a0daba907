import fc from 'fast-check'
import { expect, test } from 'vitest'
import { areUneven, assignByLoad } from './assign-by-load.ts'
import { assignTasks } from './assign-tasks.ts'
import { type Placing, placeTasks, type StandbyCopy } from './place-tasks.ts'

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

const plan = fc.record({
  tasks: fc.integer({ min: 0, max: 16 }),
  members: fc.integer({ min: 1, max: 5 }),
  count: fc.integer({ min: 1, max: 2 }),
  /** Whether the tasks of dead members are free; if not, these still have to be fenced. */
  fenced: fc.boolean(),
  /** Which member has each task: a present one, or a dead one. */
  owners: fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 16, maxLength: 16 }),
  standbys: fc.array(
    fc.uniqueArray(fc.record({ member: fc.integer({ min: 0, max: 7 }), ready: fc.boolean() }), {
      maxLength: 3,
      selector: ({ member }) => member,
    }),
    { minLength: 16, maxLength: 16 },
  ),
  /** The load of each task, if loads are known. */
  loads: fc.option(fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 16, maxLength: 16 })),
})

type Plan = typeof plan extends fc.Arbitrary<infer P> ? P : never

function placing({ tasks: amount, members: memberAmount, count, fenced, owners, standbys, loads }: Plan): Placing {
  const [tasks, members] = [names('t', amount), names('m', memberAmount)]
  const entries = tasks.flatMap((task, at) => {
    const owner = `m${owners[at]}`
    return members.includes(owner) || !fenced ? [[task, owner] as const] : []
  })
  const copies = tasks.map((task, at): [string, StandbyCopy[]] => {
    const all = (standbys[at] ?? []).map(({ member, ready }) => ({ member: `m${member}`, ready }))
    return [task, all.filter(({ member }) => member !== `m${owners[at]}`)]
  })
  return {
    tasks,
    members,
    hosts: members,
    count,
    owners: new Map(entries),
    standbys: new Map(copies),
    loads: loadsOf(tasks, loads),
  }
}

const loadsOf = (tasks: readonly string[], loads: readonly number[] | null) =>
  new Map(tasks.flatMap((task, at) => (loads === null ? [] : [[task, loads[at] ?? 0]])))

const isReady = ({ standbys, members }: Placing, task: string, member: string | undefined) =>
  member !== undefined &&
  members.includes(member) &&
  standbys.get(task)?.some((copy) => copy.member === member && copy.ready) === true

test('a task whose owner died goes to a member with a standby that is ready, if there is one', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const before = placing(each)
      const places = placeTasks(before)
      for (const task of before.tasks) {
        if (before.members.includes(before.owners.get(task) ?? '')) continue
        const successors = before.members.filter((member) => isReady(before, task, member))
        if (successors.length > 0) expect(successors).toContain(places.get(task)?.member)
        else expect(before.members).toContain(places.get(task)?.member)
      }
    }),
  )
})

test('a task with an owner stays, or moves to a member whose standby is ready', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const before = placing(each)
      const places = placeTasks(before)
      for (const [task, owner] of before.owners) {
        if (!before.members.includes(owner)) continue
        const member = places.get(task)?.member
        if (member !== owner) expect(isReady(before, task, member)).toBe(true)
      }
    }),
  )
})

test('the owner of a task keeps no standby of it, and the next owner keeps its standby until it has the task', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const before = placing(each)
      for (const [task, { member, standbys }] of placeTasks(before)) {
        const owner = before.owners.get(task) ?? member
        expect(standbys).not.toContain(owner)
        if (member !== owner && isReady(before, task, member)) expect(standbys).toContain(member)
        expect(new Set(standbys).size).toBe(standbys.length)
      }
    }),
  )
})

test('a member that takes a task over keeps its standby until the dead owner is fenced, also if the task moves on later', () => {
  const [tasks, members] = [names('t', 3), names('m', 3)]
  const owners = new Map([
    ['t0', 'm2'],
    ['t1', 'm0'],
    ['t2', 'dead'],
  ])
  const copy = (member: string, ready: boolean) => ({ member, ready })
  const standbys = new Map([
    ['t0', [copy('m0', false)]],
    ['t1', [copy('m1', false), copy('m2', false)]],
    ['t2', [copy('m0', true), copy('m2', true)]],
  ])
  const place = placeTasks({ tasks, members, hosts: members, count: 1, owners, standbys, loads: new Map() }).get('t2')
  // An even spread gives the task to m1, which has no copy of it.
  expect(place?.member).toBe('m0')
  expect([...(place?.standbys ?? [])].sort()).toEqual(members)
})

test('a standby that is ready is given up only if enough others are ready', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const before = placing(each)
      for (const [task, { member, standbys }] of placeTasks(before)) {
        const ready = before.members.filter((host) => isReady(before, task, host) && host !== member)
        const left = standbys.filter((host) => ready.includes(host)).length
        expect(left).toBeGreaterThanOrEqual(Math.min(before.count, ready.length))
      }
    }),
  )
})

/** What is true once every move has been made, and every standby has caught up; and in how many steps. */
function settled(first: Placing): { last: Placing; steps: number } {
  let now = first
  for (let steps = 0; ; steps++) {
    const places = placeTasks(now)
    const owners = new Map(
      now.tasks.flatMap((task) => places.get(task)?.member ?? []).map((m, at) => [now.tasks[at] ?? '', m]),
    )
    const standbys = new Map(
      now.tasks.map((task) => {
        const { member, standbys: all = [] } = places.get(task) ?? {}
        return [task, all.filter((each) => each !== member).map((each) => ({ member: each, ready: true }))]
      }),
    )
    const next = { ...now, owners, standbys }
    const text = (placing: Placing) => JSON.stringify([[...placing.owners], [...placing.standbys]])
    if (text(next) === text(now)) return { last: now, steps }
    expect(steps).toBeLessThan(20)
    now = next
  }
}

test('moves come to an end, with every task and every standby spread evenly, or tasks by their loads', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const { last } = settled(placing(each))
      const { tasks, members, owners, standbys, count, loads } = last
      const byLoad = areUneven(tasks, loads)
      const spread = byLoad
        ? assignByLoad({ tasks, members, owners, loads, preferred: new Map() })
        : assignTasks(tasks, members, owners)
      expect(spread).toEqual(owners)
      const counts = members.map(
        (member) => tasks.filter((task) => standbys.get(task)?.some((copy) => copy.member === member)).length,
      )
      if (!byLoad) expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
      for (const task of tasks) expect(standbys.get(task)).toHaveLength(Math.min(count, members.length - 1))
    }),
  )
})

test('only the tasks of a member that died move, if their standbys were with different members', () => {
  const [tasks, members] = [names('t', 12), names('m', 4)]
  const none: Placing = {
    tasks,
    members,
    hosts: members,
    count: 1,
    owners: new Map(),
    standbys: new Map(),
    loads: new Map(),
  }
  const { last } = settled(none)
  const left = members.slice(1)
  const owners = new Map([...last.owners].filter(([, owner]) => owner !== 'm0'))
  const places = placeTasks({ ...last, members: left, hosts: left, owners })
  for (const task of tasks) {
    const [before, after] = [last.owners.get(task), places.get(task)?.member]
    const successor = last.standbys.get(task)?.[0]?.member
    expect(after).toBe(before === 'm0' ? successor : before)
  }
})

test('without standbys, tasks are spread at once', () => {
  fc.assert(
    fc.property(plan, (each) => {
      const before = { ...placing({ ...each, loads: null }), count: 0, hosts: [] }
      const places = placeTasks(before)
      const expected = assignTasks(before.tasks, before.members, before.owners)
      expect(new Map([...places].map(([task, { member }]) => [task, member]))).toEqual(expected)
      for (const { standbys } of places.values()) expect(standbys).toEqual([])
    }),
  )
})

test('a member that keeps no standbys gets its tasks at once', () => {
  const standbys = new Map([['t0', [{ member: 'm0', ready: true }]]])
  const owners = new Map([
    ['t0', 'm0'],
    ['t1', 'm0'],
  ])
  const members = ['m0', 'm1']
  const loads = new Map<string, number>()
  const places = placeTasks({ tasks: ['t0', 't1'], members, hosts: ['m0'], count: 1, owners, standbys, loads })
  expect([...places.values()].map(({ member }) => member).sort()).toEqual(['m0', 'm1'])
})
