import { expect, test } from 'vitest'
import { assignmentOf, EMPTY_GROUP, type GroupState, joined, loadsReported, released, reported } from './group-state.ts'

const TASKS = ['a-0', 'a-1', 'a-2', 'a-3']

const join = (state: GroupState, member: string, untilEnd = false) =>
  joined(state, 'group', member, { tasks: TASKS, description: 'job', address: null, untilEnd })

const tasksOf = (state: GroupState, member: string) => assignmentOf(state, member).tasks

/** Every member has released what it had to. */
function settled(state: GroupState): GroupState {
  const next = Object.keys(state.members).reduce((now, member) => released(now, member, () => false), state)
  return next === state ? state : settled(next)
}

/** A member reports the same load of each of its tasks. */
const reports = (state: GroupState, member: string, load: number) =>
  loadsReported(state, member, new Map(tasksOf(state, member).map((task) => [task, load])))

const two = settled(join(join(EMPTY_GROUP, 'm0'), 'm1'))

test('tasks move once the loads of all are known, and not before', () => {
  const half = reports(two, 'm0', 45)
  expect(half.generation).toBe(two.generation + 1)
  expect(tasksOf(half, 'm0')).toEqual(tasksOf(two, 'm0'))
  const known = settled(reports(half, 'm1', 3))
  const hot = tasksOf(two, 'm0')
  for (const member of ['m0', 'm1']) {
    expect(tasksOf(known, member).filter((task) => hot.includes(task))).toHaveLength(1)
    expect(tasksOf(known, member)).toHaveLength(2)
  }
  // What is known of a task goes with it.
  expect(settled(join(known, 'm2')).tasks).toMatchObject(
    Object.fromEntries(TASKS.map((task) => [task, { load: hot.includes(task) ? 45 : 3 }])),
  )
})

test('members with the same load keep their tasks, however much that is', () => {
  const known = reports(reports(two, 'm0', 50), 'm1', 50)
  expect(tasksOf(known, 'm0')).toEqual(tasksOf(two, 'm0'))
})

test("a small change, the load of another member's task, and a report of the only member change nothing", () => {
  const known = reports(reports(two, 'm0', 30), 'm1', 30)
  expect(reports(known, 'm0', 49)).toBe(known)
  const [foreign = ''] = tasksOf(known, 'm1')
  expect(loadsReported(known, 'm0', new Map([[foreign, 90]]))).toBe(known)
  const alone = join(EMPTY_GROUP, 'm0')
  expect(reports(alone, 'm0', 90)).toBe(alone)
})

test('a report that moves nothing leaves members at their ends', () => {
  const batch = settled(join(join(EMPTY_GROUP, 'm0', true), 'm1', true))
  const atEnd = reported(batch, 'm0', batch.generation, true)
  const known = reports(atEnd, 'm0', 40)
  expect(known.members['m0']).toEqual(atEnd.members['m0'])
  expect(reports(known, 'm1', 0).members['m0']).not.toEqual(atEnd.members['m0'])
})
