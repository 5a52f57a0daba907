import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignTasks } from './assign-tasks.ts'

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

const plan = fc.record({
  tasks: fc.integer({ min: 0, max: 30 }),
  members: fc.integer({ min: 1, max: 7 }),
  /** Which member has each task: a present one, one that has left, or none. */
  owners: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 30, maxLength: 30 }),
})

test('every task has one member, and no member has two tasks more than another', () => {
  fc.assert(
    fc.property(plan, ({ tasks, members, owners }) => {
      const ids = names('t', tasks)
      const assigned = assignTasks(ids, names('m', members), new Map(ids.map((id, at) => [id, `m${owners[at]}`])))
      expect([...assigned.keys()].sort()).toEqual([...ids].sort())
      const counts = names('m', members).map(
        (member) => [...assigned.values()].filter((each) => each === member).length,
      )
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1)
    }),
  )
})

test('as few tasks move as an even spread allows', () => {
  fc.assert(
    fc.property(plan, ({ tasks, members, owners }) => {
      const ids = names('t', tasks)
      const all = names('m', members)
      const had = new Map(ids.map((id, at) => [id, `m${owners[at]}`]))
      const assigned = assignTasks(ids, all, had)
      const kept = ids.filter((id) => assigned.get(id) === had.get(id)).length
      // The most that can stay: each member keeps up to its share, and the members that have most get the larger shares.
      const counts = all.map((member) => ids.filter((id) => had.get(id) === member).length).sort((a, b) => b - a)
      const share = Math.floor(tasks / members)
      const most = counts.reduce((sum, count, at) => sum + Math.min(count, at < tasks % members ? share + 1 : share), 0)
      expect(kept).toBe(most)
    }),
  )
})

test('a second assignment of the same members moves nothing', () => {
  fc.assert(
    fc.property(plan, ({ tasks, members, owners }) => {
      const ids = names('t', tasks)
      const all = names('m', members)
      const once = assignTasks(ids, all, new Map(ids.map((id, at) => [id, `m${owners[at]}`])))
      expect(assignTasks(ids, all, once)).toEqual(once)
    }),
  )
})

const groupedPlan = fc.record({
  /** How many tasks each subtopology has. */
  groups: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 }),
  members: fc.integer({ min: 1, max: 5 }),
  owners: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 36, maxLength: 36 }),
})

test("every subtopology's tasks are spread evenly, and all together too", () => {
  fc.assert(
    fc.property(groupedPlan, ({ groups, members, owners }) => {
      const ids = groups.flatMap((count, group) => names(`step-${group}-`, count))
      const all = names('m', members)
      const assigned = assignTasks(ids, all, new Map(ids.map((id, at) => [id, `m${owners[at]}`])))
      for (const prefix of ['', ...groups.map((_, group) => `step-${group}-`)]) {
        const counts = all.map(
          (member) => ids.filter((id) => id.startsWith(prefix) && assigned.get(id) === member).length,
        )
        expect(Math.max(...counts) - Math.min(...counts), prefix).toBeLessThanOrEqual(1)
      }
      expect(assignTasks(ids, all, assigned)).toEqual(assigned)
    }),
  )
})

/** The most tasks that can stay, found by trying every even spread. */
function mostKept(
  groups: readonly string[][],
  members: readonly string[],
  owners: ReadonlyMap<string, string>,
): number {
  const all = groups.flat()
  const floor = Math.floor(all.length / members.length)
  let most = 0
  const tryGroup = (at: number, kept: number, totals: readonly number[]) => {
    const group = groups[at]
    if (group === undefined) {
      if (Math.max(...totals) - Math.min(...totals) <= 1) most = Math.max(most, kept)
      return
    }
    const share = Math.floor(group.length / members.length)
    for (let chosen = 0; chosen < 2 ** members.length; chosen++) {
      const counts = members.map((_, member) => share + ((chosen >> member) & 1))
      if (counts.reduce((sum, count) => sum + count, 0) !== group.length) continue
      const stay = members.map((member, index) =>
        Math.min(counts[index] ?? 0, group.filter((task) => owners.get(task) === member).length),
      )
      const next = totals.map((total, index) => total + (counts[index] ?? 0))
      if (Math.max(...next) <= floor + 1) tryGroup(at + 1, kept + stay.reduce((sum, count) => sum + count, 0), next)
    }
  }
  tryGroup(
    0,
    0,
    members.map(() => 0),
  )
  return most
}

test('as few tasks move as an even spread of every subtopology allows', () => {
  fc.assert(
    fc.property(groupedPlan, ({ groups, members, owners }) => {
      const grouped = groups.map((count, group) => names(`step-${group}-`, count))
      const ids = grouped.flat()
      const all = names('m', members)
      const had = new Map(ids.map((id, at) => [id, `m${owners[at]}`]))
      const assigned = assignTasks(ids, all, had)
      const kept = ids.filter((id) => assigned.get(id) === had.get(id)).length
      expect(kept).toBe(mostKept(grouped, all, had))
    }),
  )
})

test('without members no task has an owner', () => {
  expect(assignTasks(['a'], [], new Map([['a', 'gone']]))).toEqual(new Map())
})
