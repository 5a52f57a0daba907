import { type Assignment, type JoinOptions, RefusedError } from '@millrace/core'
import { assignTasks } from '@millrace/core/internal'

/** Which member has a task. */
export interface TaskPlace {
  /** The member that has it; null if no one does. */
  readonly owner: string | null
  /** The member that gets it once its owner has released it. */
  readonly next?: string
}

/** What a group knows of a member. */
export interface MemberState {
  readonly address: string | null
  /** Whether it leaves at the end. */
  readonly untilEnd?: boolean
  /** The generation with which it last reported that it is at its end; absent while it is not. */
  readonly atEnd?: number
  /** Set once it counts as dead: it gets nothing more, and is removed when it is fenced. */
  readonly lost?: true
}

/**
 * A group whose members share tasks: pure, so that every log that keeps a group decides the same. Every change makes a
 * generation.
 */
export interface GroupState {
  readonly generation: number
  /** The description of what the members run; if there are none now, of what the last ones ran. */
  readonly description: string
  readonly members: Readonly<Record<string, MemberState>>
  readonly tasks: Readonly<Record<string, TaskPlace>>
  /** Since this generation, all members that run until the end have been at it, without a break. */
  readonly quietSince?: number
  /** Whether each of them has checked again since then. */
  readonly ended?: boolean
}

export const EMPTY_GROUP: GroupState = { generation: 0, description: '', members: {}, tasks: {} }

/**
 * The group with the description and the tasks of a new member. Throws `JOB_CHANGED` while others run something else, or
 * other tasks.
 */
export function running(
  state: GroupState,
  group: string,
  { tasks, description }: Pick<JoinOptions, 'tasks' | 'description'>,
): GroupState {
  const sameTasks =
    tasks.length === Object.keys(state.tasks).length && tasks.every((task) => state.tasks[task] !== undefined)
  if (sameTasks && description === state.description) return state
  if (Object.keys(state.members).length > 0) {
    throw new RefusedError(
      'JOB_CHANGED',
      `Job ${group} already runs, and differs from the job that this process runs: in steps, stores, topics, partitions or the guarantee. ` +
        'The running job continues. Stop it first, or give this job another name',
      { job: group },
    )
  }
  return { ...state, description, tasks: Object.fromEntries(tasks.map((task) => [task, { owner: null }])) }
}

/** The group with another member, which may get tasks at once if they are free. */
export function withMember(
  state: GroupState,
  member: string,
  { address, untilEnd = false }: Pick<JoinOptions, 'address' | 'untilEnd'>,
): GroupState {
  return balanced({ ...state, members: { ...state.members, [member]: { address, untilEnd } } })
}

/** Whether a process is a member that the group counts on. */
export function isMember(state: GroupState, member: string): boolean {
  const found = state.members[member]
  return found !== undefined && found.lost !== true
}

/** The group in which members count as dead; the same object if that is not new. Their tasks are theirs until they are fenced. */
export function withLost(state: GroupState, gone: readonly string[]): GroupState {
  const lost = gone.filter((member) => isMember(state, member))
  if (lost.length === 0) return state
  const members = Object.entries(state.members).map(([name, member]) =>
    lost.includes(name) ? [name, { ...member, lost: true as const }] : [name, member],
  )
  return { ...state, generation: state.generation + 1, members: Object.fromEntries(members) }
}

/**
 * The group without members that left, or that are dead and fenced: their tasks are free. The same object if they are removed
 * already.
 */
export function withoutMembers(state: GroupState, gone: readonly string[]): GroupState {
  if (!gone.some((member) => state.members[member] !== undefined)) return state
  const members = Object.fromEntries(Object.entries(state.members).filter(([member]) => !gone.includes(member)))
  const left = Object.values(members)
  const others = { ...state, members }
  if (state.ended !== true || left.length === 0 || left.some(goesOn)) return balanced(others)
  // The remaining members leave too, so their tasks do not move.
  const tasks = mapTasks(state, (_, { owner }) => ({ owner: owner !== null && members[owner] ? owner : null }))
  return { ...others, generation: state.generation + 1, tasks }
}

/**
 * The group after a member has reported, in generation `seen`, whether it is at its end; the same object if that is not new.
 * There are two rounds, since another member may have committed records after this one found none. Once all are at their end,
 * each checks again; if no member has found anything, nothing is in progress.
 */
export function reported(state: GroupState, member: string, seen: number, atEnd: boolean): GroupState {
  const self = state.members[member]
  if (self === undefined || state.ended === true) return state
  const { quietSince, ...restless } = state
  const generation = state.generation + 1
  if (!atEnd) {
    if (self.atEnd === undefined) return state
    return { ...restless, generation, members: { ...state.members, [member]: busy(self) } }
  }
  const isNews = self.atEnd === undefined || (quietSince !== undefined && self.atEnd < quietSince)
  if (!isNews) return state
  const members = { ...state.members, [member]: { ...self, atEnd: seen } }
  const next = { ...state, generation, members }
  const ends = Object.values(members).flatMap((each) => (goesOn(each) ? [] : [each.atEnd]))
  if (ends.includes(undefined)) return next
  if (quietSince === undefined) return { ...next, quietSince: generation }
  return ends.every((end = -1) => end >= quietSince) ? { ...next, ended: true } : next
}

function goesOn({ untilEnd = false }: MemberState): boolean {
  return !untilEnd
}

function busy({ atEnd: _, ...member }: MemberState): MemberState {
  return member
}

/**
 * The group after a member has closed the tasks that were to move, except those that it keeps; the same object if there are
 * none.
 */
export function released(state: GroupState, member: string, keeps: (task: string) => boolean): GroupState {
  const moves = (task: string, { owner, next }: TaskPlace) => owner === member && next !== undefined && !keeps(task)
  if (!Object.entries(state.tasks).some(([task, place]) => moves(task, place))) return state
  const tasks = mapTasks(state, (task, place) =>
    place.next !== undefined && moves(task, place) ? { owner: place.next } : place,
  )
  return balanced({ ...state, tasks })
}

/** A member's assignment in its group. */
export function assignmentOf(state: GroupState, member: string): Assignment {
  const members = Object.values(state.members)
  const { atEnd } = state.members[member] ?? {}
  return {
    generation: state.generation,
    tasks: tasksOf(state, member),
    members: Object.entries(state.members).map(([each, { address }]) => ({
      member: each,
      address,
      tasks: tasksOf(state, each),
    })),
    ended: state.ended === true || (atEnd !== undefined && members.some(goesOn)),
  }
}

/** The tasks that a member has to run: those it has and need not release. */
function tasksOf(state: GroupState, member: string): string[] {
  return Object.entries(state.tasks).flatMap(([task, { owner, next }]) =>
    owner === member && next === undefined ? task : [],
  )
}

/** The next generation: every task is with the member that the spread wants, or is about to move there. */
function balanced(state: GroupState): GroupState {
  const ids = Object.keys(state.tasks)
  const owners = new Map(
    ids.flatMap((task) => {
      const { owner } = state.tasks[task] ?? { owner: null }
      return owner === null ? [] : [[task, owner] as const]
    }),
  )
  const present = Object.keys(state.members).filter((member) => isMember(state, member))
  const wanted = assignTasks(ids, present.sort(), owners)
  const tasks = mapTasks(state, (task, { owner }) => {
    const next = wanted.get(task)
    if (next === undefined) return { owner: null }
    const held = owner !== null && state.members[owner] !== undefined && owner !== next
    return held ? { owner, next } : { owner: next }
  })
  const { quietSince: _since, ended: _ended, ...others } = state
  const generation = state.generation + 1
  const members = Object.fromEntries(Object.entries(state.members).map(([each, member]) => [each, busy(member)]))
  return { ...others, generation, members, tasks }
}

function mapTasks(state: GroupState, change: (task: string, place: TaskPlace) => TaskPlace) {
  return Object.fromEntries(Object.entries(state.tasks).map(([task, place]) => [task, change(task, place)]))
}
