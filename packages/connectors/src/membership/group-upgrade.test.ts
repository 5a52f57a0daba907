import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  assignmentOf,
  EMPTY_GROUP,
  type GroupState,
  joined,
  released,
  reported,
  withLost,
  withoutMembers,
} from './group-state.ts'

const OLD = { tasks: ['a-0', 'a-1'], description: 'old', address: null }
const NEW = { tasks: ['a-0', 'a-1', 'b-0'], description: 'new', address: null, upgrade: true }

const join = (state: GroupState, member: string, options: Parameters<typeof joined>[3]) =>
  joined(state, 'group', member, options)

function groupOf(...old: string[]): GroupState {
  return old.reduce((state, member) => settled(join(state, member, OLD)), EMPTY_GROUP)
}

/** Every member has released what it had to. */
function settled(state: GroupState): GroupState {
  return Object.keys(state.members).reduce((before, member) => released(before, member, () => false), state)
}

test('members of an upgrade wait without tasks, and take over in one step when the last other member has left', () => {
  let state = groupOf('x', 'y')
  const before = assignmentOf(state, 'x').tasks
  state = join(join(state, 'n', NEW), 'm', NEW)
  expect(assignmentOf(state, 'x')).toMatchObject({ tasks: before, waits: false })
  expect(assignmentOf(state, 'n')).toMatchObject({ tasks: [], waits: true, ended: false })
  state = withoutMembers(state, ['x'])
  expect(assignmentOf(state, 'y').tasks).toEqual(OLD.tasks)
  expect(assignmentOf(state, 'n')).toMatchObject({ tasks: [], waits: true })
  const { generation } = state
  state = withoutMembers(state, ['y'])
  expect(state).toMatchObject({ generation: generation + 1, description: 'new' })
  const assigned = ['n', 'm'].map((member) => assignmentOf(state, member))
  expect(assigned).toMatchObject([{ waits: false }, { waits: false }])
  expect(assigned.flatMap(({ tasks }) => tasks).sort()).toEqual(NEW.tasks)
})

test('a member that is lost and not fenced yet holds the upgrade back', () => {
  let state = withLost(join(groupOf('x'), 'n', NEW), ['x'])
  expect(assignmentOf(state, 'n')).toMatchObject({ tasks: [], waits: true })
  state = withoutMembers(state, ['x'])
  expect(assignmentOf(state, 'n')).toMatchObject({ tasks: NEW.tasks, waits: false })
})

test('a member that dies while it waits changes nothing, and the group takes another upgrade after it', () => {
  let state = join(groupOf('x'), 'n', NEW)
  const other = { ...NEW, description: 'other' }
  expect(() => join(state, 'o', other)).toThrow(expect.objectContaining({ code: 'JOB_CHANGED' }))
  state = withoutMembers(withLost(state, ['n']), ['n'])
  expect(state.upgrade).toBeUndefined()
  expect(assignmentOf(state, 'x').tasks).toEqual(OLD.tasks)
  state = withoutMembers(join(state, 'o', other), ['x'])
  expect(state).toMatchObject({ description: 'other' })
})

test('members of the present job join while others wait, and one that may not wait is refused', () => {
  const state = join(groupOf('x'), 'n', NEW)
  expect(() => join(state, 'o', { ...NEW, upgrade: false })).toThrow(expect.objectContaining({ code: 'JOB_CHANGED' }))
  const more = settled(join(state, 'y', OLD))
  expect([...assignmentOf(more, 'x').tasks, ...assignmentOf(more, 'y').tasks].sort()).toEqual(OLD.tasks)
  // An upgrade to what runs already is nothing special.
  expect(assignmentOf(join(state, 'z', { ...OLD, upgrade: true }), 'z').waits).toBe(false)
})

test('members that run until the end leave together although others wait, which then begin', () => {
  let state = settled(join(join(EMPTY_GROUP, 'x', { ...OLD, untilEnd: true }), 'y', { ...OLD, untilEnd: true }))
  state = join(state, 'n', NEW)
  for (let round = 0; round < 2; round++) {
    for (const member of ['x', 'y']) state = reported(state, member, state.generation, true)
  }
  expect(assignmentOf(state, 'x').ended).toBe(true)
  expect(assignmentOf(state, 'n').ended).toBe(false)
  state = withoutMembers(withoutMembers(state, ['x']), ['y'])
  expect(assignmentOf(state, 'n')).toMatchObject({ tasks: NEW.tasks, waits: false, ended: false })
})

test('in any order of joins, deaths, departures and releases, no two jobs ever run at once, and each task is with one member', () => {
  const what = fc.constantFrom('old', 'new', 'upgrade', 'leave', 'lose', 'fence', 'release')
  fc.assert(
    fc.property(fc.array(fc.tuple(what, fc.nat(5)), { maxLength: 40 }), (steps) => {
      let state = EMPTY_GROUP
      let next = 0
      const runs = new Map<string, string>()
      for (const [kind, number] of steps) {
        const members = Object.keys(state.members)
        const member = members[number % Math.max(1, members.length)] ?? ''
        const lost = members.filter((each) => state.members[each]?.lost === true)
        if (kind === 'leave') state = withoutMembers(state, [member])
        else if (kind === 'lose') state = withLost(state, [member])
        else if (kind === 'fence') state = withoutMembers(state, lost)
        else if (kind === 'release') state = released(state, member, () => false)
        else {
          const options = { ...(kind === 'old' ? OLD : NEW), upgrade: kind === 'upgrade' }
          const name = `m${next++}`
          try {
            state = join(state, name, options)
            runs.set(name, options.description)
          } catch (error) {
            expect(error).toMatchObject({ code: 'JOB_CHANGED' })
          }
        }
        const there = Object.keys(state.members)
        for (const each of there) {
          const { tasks, waits } = assignmentOf(state, each)
          if (tasks.length > 0) expect(runs.get(each)).toBe(state.description)
          if (waits) expect([tasks, runs.get(each) === state.description]).toEqual([[], false])
        }
        if (there.length > 0) expect(there.some((each) => state.members[each]?.waits !== true)).toBe(true)
        const alive = there.filter((each) => state.members[each]?.lost !== true && state.members[each]?.waits !== true)
        for (const { owner, next: to } of Object.values(state.tasks)) {
          if (alive.length > 0) expect(owner === null ? undefined : state.members[owner]).toBeDefined()
          if (to !== undefined) expect(state.members[to]?.waits ?? false).toBe(false)
        }
      }
    }),
  )
})
