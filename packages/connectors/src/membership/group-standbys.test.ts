import { expect, test } from 'vitest'
import {
  assignmentOf,
  EMPTY_GROUP,
  type GroupState,
  joined,
  released,
  reported,
  standbysReported,
  withLost,
  withoutMembers,
} from './group-state.ts'

const TASKS = ['a-0', 'a-1', 'a-2', 'a-3']
const JOB = { tasks: TASKS, description: 'job', address: null }

const join = (state: GroupState, member: string, standbys = 1) =>
  joined(state, 'group', member, { ...JOB, ...(standbys > 0 && { standbys }) })

const tasksOf = (state: GroupState, member: string) => assignmentOf(state, member).tasks
const standbysOf = (state: GroupState, member: string) => assignmentOf(state, member).standbys

/** Every standby of a member is ready. */
const ready = (state: GroupState, member: string) =>
  standbysReported(state, member, state.generation, standbysOf(state, member))

/** Every member has released what it had to, and all of its standbys are ready, until nothing changes. */
function settled(state: GroupState): GroupState {
  let now = state
  for (let before: GroupState | undefined; before !== now; ) {
    before = now
    for (const member of Object.keys(now.members))
      now = ready(
        released(now, member, () => false),
        member,
      )
  }
  return now
}

const groupOf = (...members: string[]) => members.reduce((state, member) => settled(join(state, member)), EMPTY_GROUP)

test('a task moves to a member that joined once the standby there is ready, and is with its owner until then', () => {
  let state = join(groupOf('x'), 'y')
  expect(tasksOf(state, 'x')).toEqual(TASKS)
  expect(standbysOf(state, 'y')).toEqual(TASKS)
  state = standbysReported(state, 'y', state.generation, ['a-2', 'a-3'])
  expect(tasksOf(state, 'x')).toEqual(['a-0', 'a-1'])
  // The next owner keeps its standbys while the present one has not released the tasks.
  expect(standbysOf(state, 'y')).toEqual(TASKS)
  state = released(state, 'x', () => false)
  expect(tasksOf(state, 'y')).toEqual(['a-2', 'a-3'])
  expect(standbysOf(state, 'y')).toEqual(['a-0', 'a-1'])
  expect(standbysOf(state, 'x')).toEqual(['a-2', 'a-3'])
})

test('the tasks of a member that died go to the members whose standbys are ready, with their standbys kept until then', () => {
  let state = groupOf('x', 'y', 'z')
  const lost = tasksOf(state, 'x')
  const successors = new Map(
    lost.map((task) => [task, ['y', 'z'].find((member) => standbysOf(state, member).includes(task))]),
  )
  state = withLost(state, ['x'])
  for (const [task, member = ''] of successors) expect(standbysOf(state, member)).toContain(task)
  // Another change while the dead member is fenced names the next owner, which needs its standby until then.
  state = join(state, 'w')
  for (const [task, member = ''] of successors) expect(standbysOf(state, member)).toContain(task)
  state = withoutMembers(state, ['x'])
  for (const [task, member = ''] of successors) expect(tasksOf(state, member)).toContain(task)
})

test('a task does not go to a member whose standby failed while another standby is ready', () => {
  for (const failed of ['y', 'z']) {
    let state = settled(['x', 'y', 'z'].reduce((before, member) => join(before, member, 2), EMPTY_GROUP))
    const [task = ''] = tasksOf(state, 'x')
    const others = standbysOf(state, failed).filter((each) => each !== task)
    state = standbysReported(state, failed, state.generation, others)
    state = withoutMembers(state, ['x'])
    expect(tasksOf(state, failed === 'y' ? 'z' : 'y')).toContain(task)
  }
})

test('a report that came before a standby was given to the member again does not make the standby ready', () => {
  const state = join(groupOf('x'), 'y')
  expect(standbysReported(state, 'y', state.generation - 1, TASKS)).toBe(state)
  expect(standbysReported(state, 'x', state.generation, TASKS)).toBe(state)
  const once = standbysReported(state, 'y', state.generation, ['a-0'])
  expect(standbysReported(once, 'y', once.generation, ['a-0'])).toBe(once)
})

test('a report that moves no task leaves the members at their ends', () => {
  let state = groupOf('x', 'y')
  const [standby = ''] = standbysOf(state, 'y')
  const others = standbysOf(state, 'y').filter((task) => task !== standby)
  state = reported(state, 'x', state.generation, true)
  const end = state.members['x']?.atEnd
  state = standbysReported(state, 'y', state.generation, others)
  expect(state.members['x']?.atEnd).toBe(end)
  expect(end).toBeDefined()
})

test('the group keeps as many standbys as the member that wants most, and none with members that want none', () => {
  const state = settled(join(join(join(groupOf('x'), 'y', 2), 'z', 0), 'w', 1))
  expect(standbysOf(state, 'z')).toEqual([])
  expect(tasksOf(state, 'z')).toHaveLength(1)
  for (const task of TASKS) {
    const [owner] = ['w', 'x', 'y', 'z'].filter((member) => tasksOf(state, member).includes(task))
    const hosts = ['w', 'x', 'y'].filter((member) => standbysOf(state, member).includes(task))
    expect(hosts).toHaveLength(2)
    expect(hosts).not.toContain(owner)
  }
})

test('without standbys, the state of a group is as it was before there were any', () => {
  const state = released(join(join(EMPTY_GROUP, 'x', 0), 'y', 0), 'x', () => false)
  expect(JSON.stringify(state)).not.toContain('standbys')
})
