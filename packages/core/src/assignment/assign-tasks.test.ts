import fc from 'fast-check'
import { expect, test } from 'vitest'
import { assignTasks } from './assign-tasks.ts'

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`)

const plan = fc.record({
  tasks: fc.integer({ min: 0, max: 30 }),
  members: fc.integer({ min: 1, max: 7 }),
  /** Who has each task: a member, somebody gone, or nobody. */
  owners: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 30, maxLength: 30 }),
})

test('every task has one member, and nobody has two more than another', () => {
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
      // The most that can stay: each member keeps up to its share, and the larger shares go to those who have most.
      const counts = all.map((member) => ids.filter((id) => had.get(id) === member).length).sort((a, b) => b - a)
      const share = Math.floor(tasks / members)
      const most = counts.reduce((sum, count, at) => sum + Math.min(count, at < tasks % members ? share + 1 : share), 0)
      expect(kept).toBe(most)
    }),
  )
})

test('asked again about its own answer, it moves nothing', () => {
  fc.assert(
    fc.property(plan, ({ tasks, members, owners }) => {
      const ids = names('t', tasks)
      const all = names('m', members)
      const once = assignTasks(ids, all, new Map(ids.map((id, at) => [id, `m${owners[at]}`])))
      expect(assignTasks(ids, all, once)).toEqual(once)
    }),
  )
})

test('without members nobody has anything', () => {
  expect(assignTasks(['a'], [], new Map([['a', 'gone']]))).toEqual(new Map())
})
