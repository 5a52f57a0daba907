import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignByLoad } from './assign-by-load.ts'

/** The members' tasks and loads, to be read: `m0: t0=50 t1=50`. */
function loaded(members: Readonly<Record<string, Readonly<Record<string, number>>>>) {
  const entries = Object.entries(members)
  return {
    tasks: entries.flatMap(([, tasks]) => Object.keys(tasks)),
    members: entries.map(([member]) => member),
    owners: new Map(entries.flatMap(([member, tasks]) => Object.keys(tasks).map((task) => [task, member] as const))),
    loads: new Map(entries.flatMap(([, tasks]) => Object.entries(tasks))),
    preferred: new Map<string, readonly string[]>(),
  }
}

const spreadOf = (before: ReturnType<typeof loaded>) => {
  const assigned = assignByLoad(before)
  return Object.fromEntries(
    before.members.map((member) => [member, before.tasks.filter((task) => assigned.get(task) === member)]),
  )
}

test('two hot tasks of one member are parted, and a cool one makes up for the one that leaves', () => {
  expect(spreadOf(loaded({ m0: { t0: 50, t1: 50 }, m1: { t2: 5, t3: 5 } }))).toEqual({
    m0: ['t1', 't2'],
    m1: ['t0', 't3'],
  })
})

test('the other tasks leave a member whose thread one task takes alone', () => {
  expect(spreadOf(loaded({ m0: { t0: 100, t1: 10 }, m1: { t2: 10, t3: 10 } }))).toEqual({
    m0: ['t0'],
    m1: ['t1', 't2', 't3'],
  })
})

test('no task moves for a small difference', () => {
  const tasks = { m0: { t0: 40, t1: 20 }, m1: { t2: 30, t3: 18 } }
  expect(spreadOf(loaded(tasks))).toEqual({ m0: ['t0', 't1'], m1: ['t2', 't3'] })
})

test('a member that joins gets tasks, also if the fullest member cannot be helped', () => {
  expect(spreadOf(loaded({ m0: { t0: 100 }, m1: { t1: 9, t2: 9, t3: 9, t4: 9 }, m2: {} }))).toEqual({
    m0: ['t0'],
    m1: ['t3', 't4'],
    m2: ['t1', 't2'],
  })
})

test('a task whose owner is gone goes to a preferred member, unless that is much fuller than another', () => {
  const one = { ...loaded({ m0: { t0: 30 }, m1: { t1: 36 } }), tasks: ['t0', 't1', 't2'] }
  const loads = new Map([...one.loads, ['t2', 10]])
  const preferring = (member: string) =>
    assignByLoad({ ...one, loads, preferred: new Map([['t2', [member]]]) }).get('t2')
  expect(preferring('m1')).toBe('m1')
  expect(preferring('m0')).toBe('m0')
  const full = assignByLoad({ ...one, loads: new Map([...loads, ['t1', 90]]), preferred: new Map([['t2', ['m1']]]) })
  expect(full.get('t2')).toBe('m0')
})

const plan = fc.record({
  loads: fc.array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 20 }),
  members: fc.integer({ min: 1, max: 5 }),
  owners: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 20, maxLength: 20 }),
})

test('no exchange of two tasks, and no move, would take much off a member; and a second call moves nothing', () => {
  fc.assert(
    fc.property(plan, ({ loads, members: count, owners }) => {
      const tasks = loads.map((_, at) => `t${at}`)
      const members = Array.from({ length: count }, (_, at) => `m${at}`)
      const before = {
        tasks,
        members,
        owners: new Map(tasks.map((task, at) => [task, `m${owners[at]}`])),
        loads: new Map(tasks.map((task, at) => [task, loads[at] ?? 0])),
        preferred: new Map<string, readonly string[]>(),
      }
      const assigned = assignByLoad(before)
      expect([...assigned.keys()].sort()).toEqual([...tasks].sort())
      expect(assignByLoad({ ...before, owners: assigned })).toEqual(assigned)
      const weight = (task: string) => 20 + (before.loads.get(task) ?? 0)
      const of = (member: string) => tasks.filter((task) => assigned.get(task) === member)
      const total = (member: string) => of(member).reduce((sum, task) => sum + weight(task), 0)
      for (const from of members) {
        for (const to of members) {
          for (const given of of(from)) {
            for (const taken of [undefined, ...of(to)]) {
              const moved = weight(given) - (taken === undefined ? 0 : weight(taken))
              if (from !== to) expect(total(from) - Math.max(total(from) - moved, total(to) + moved)).toBeLessThan(15)
            }
          }
        }
      }
    }),
  )
})
