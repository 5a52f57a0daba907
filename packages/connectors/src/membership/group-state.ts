import { type Assignment, type JoinOptions, RefusedError } from '@millrace/core'
import { type Place, placeTasks, type StandbyCopy } from '@millrace/core/internal'

/** Which member has a task. */
export interface TaskPlace {
  /** The member that has it; null if no one does. */
  readonly owner: string | null
  /** The member that gets it once its owner has released it. */
  readonly next?: string
  /** The members that keep a standby of it; absent if none does. */
  readonly standbys?: readonly StandbyPlace[]
  /** The share of its owner's thread that it takes, in hundredths; absent until that is reported. */
  readonly load?: number
}

/** A standby of a task. */
export interface StandbyPlace {
  readonly member: string
  /** The generation that gave it to the member. */
  readonly since: number
  /** Set while the member reports that it has caught up. */
  readonly ready?: true
}

/** What a group knows of a member. */
export interface MemberState {
  readonly address: string | null
  /** Whether it leaves at the end. */
  readonly untilEnd?: boolean
  /** The generation with which it last reported that it is at its end; absent while it is not. */
  readonly atEnd?: number
  /** How many standbys it wants for each task; absent if it wants none, and keeps none. */
  readonly standbys?: number
  /** Set once it counts as dead: it gets nothing more, and is removed when it is fenced. */
  readonly lost?: true
  /** Set while it waits for the group's upgrade: it has no tasks, and does not count for the end. */
  readonly waits?: true
}

/** What the members of a group run. */
export interface GroupJob {
  readonly description: string
  readonly tasks: readonly string[]
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
  /** What the members that wait run, once no other member is left. */
  readonly upgrade?: GroupJob
  /** Since this generation, all members that run until the end have been at it, without a break. */
  readonly quietSince?: number
  /** Whether each of them has checked again since then. */
  readonly ended?: boolean
}

export const EMPTY_GROUP: GroupState = { generation: 0, description: '', members: {}, tasks: {} }

/**
 * The group with another member, which may get tasks at once if they are free. A member of another job waits, if it may, until
 * no member of the present one is left; until then it gets no tasks. Throws `JOB_CHANGED` for a member of another job that may not
 * wait, or while members of a third one wait.
 */
export function joined(
  state: GroupState,
  group: string,
  member: string,
  { tasks, description, address, untilEnd = false, upgrade = false, standbys = 0 }: JoinOptions,
): GroupState {
  const job: GroupJob = { description, tasks }
  const present: GroupJob = { description: state.description, tasks: Object.keys(state.tasks) }
  const others = Object.values(state.members)
  const isFree = others.length === 0
  const self: MemberState = { address, untilEnd, ...(standbys > 0 && { standbys }) }
  if (isFree || isSame(job, present)) {
    const begun = isSame(job, present) ? state : withJob(state, job)
    return balanced({ ...begun, members: { ...state.members, [member]: self } })
  }
  if (!upgrade || (state.upgrade !== undefined && !isSame(job, state.upgrade))) {
    throw jobChanged(group, upgrade)
  }
  const generation = state.generation + 1
  const members = { ...state.members, [member]: { ...self, waits: true as const } }
  return { ...state, generation, upgrade: job, members }
}

function isSame(a: GroupJob, b: GroupJob): boolean {
  return (
    a.description === b.description &&
    a.tasks.length === b.tasks.length &&
    a.tasks.every((task) => b.tasks.includes(task))
  )
}

function withJob(state: GroupState, { description, tasks }: GroupJob): GroupState {
  return { ...state, description, tasks: Object.fromEntries(tasks.map((task) => [task, { owner: null }])) }
}

function jobChanged(group: string, upgrade: boolean): RefusedError {
  return new RefusedError(
    'JOB_CHANGED',
    upgrade
      ? `Job ${group} cannot be upgraded to the job that this process runs: other processes already wait to upgrade it to a job that ` +
          'differs. Stop these processes first'
      : `Job ${group} already runs, and differs from the job that this process runs: in steps, stores, topics, partitions or the guarantee. ` +
          'The running job continues. Stop it first, or start this job as an upgrade (--upgrade), which waits until the ' +
          'running one has ended, or give it another version or another name',
    { job: group },
  )
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
  const others = upgraded({ ...state, members })
  const left = Object.values(others.members).filter(runs)
  if (others.ended !== true || left.length === 0 || left.some(runsWithoutEnd)) return balanced(others)
  // The remaining members leave too, so their tasks do not move.
  const tasks = mapTasks(others, (_, { owner, standbys, load }) => ({
    owner: owner !== null && members[owner] ? owner : null,
    ...(load !== undefined && { load }),
    ...(standbys !== undefined && { standbys: standbys.filter(({ member }) => members[member] !== undefined) }),
  }))
  return { ...others, generation: state.generation + 1, tasks }
}

/**
 * The group after its upgrade, if that is due: a member that waits is left, and no other. Members that counted as dead have been
 * fenced before they were removed, so nothing more comes from what the group ran until now.
 */
function upgraded(state: GroupState): GroupState {
  const { upgrade, ...others } = state
  const members = Object.entries(state.members)
  const isRunning = members.some(([, member]) => runs(member))
  const isAwaited = members.some(([, member]) => !runs(member))
  if (upgrade === undefined || (isRunning && isAwaited)) return state
  if (!isAwaited) return others
  const admitted = members.map(([name, { waits: _, ...member }]) => [name, member] as const)
  const { quietSince: _since, ended: _ended, ...begun } = withJob(others, upgrade)
  return { ...begun, members: Object.fromEntries(admitted) }
}

/** Whether a member runs what the group runs now. */
function runs({ waits }: MemberState): boolean {
  return waits !== true
}

/**
 * The group after a member has reported, in generation `seen`, whether it is at its end; the same object if that is not new.
 * There are two rounds, since another member may have committed records after this one found none. Once all are at their end,
 * each checks again; if no member has found anything, nothing is in progress.
 */
export function reported(state: GroupState, member: string, seen: number, atEnd: boolean): GroupState {
  const self = state.members[member]
  if (self === undefined || self.waits === true || state.ended === true) return state
  const { quietSince, ...active } = state
  const generation = state.generation + 1
  if (!atEnd) {
    if (self.atEnd === undefined) return state
    return { ...active, generation, members: { ...state.members, [member]: busy(self) } }
  }
  const isNews = self.atEnd === undefined || (quietSince !== undefined && self.atEnd < quietSince)
  if (!isNews) return state
  const members = { ...state.members, [member]: { ...self, atEnd: seen } }
  const next = { ...state, generation, members }
  const ends = Object.values(members).flatMap((each) => (runsWithoutEnd(each) || !runs(each) ? [] : [each.atEnd]))
  if (ends.includes(undefined)) return next
  if (quietSince === undefined) return { ...next, quietSince: generation }
  return ends.every((end = -1) => end >= quietSince) ? { ...next, ended: true } : next
}

function runsWithoutEnd({ untilEnd = false }: MemberState): boolean {
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
    place.next !== undefined && moves(task, place) ? { ...place, owner: place.next } : place,
  )
  return balanced({ ...state, tasks })
}

/**
 * The group after a member has reported, in generation `seen`, which of its standbys are ready; the same object if that is not
 * new. Tasks that waited for a standby move.
 */
export function standbysReported(
  state: GroupState,
  member: string,
  seen: number,
  ready: readonly string[],
): GroupState {
  const isNew = (task: string, standby: StandbyPlace) =>
    standby.member === member && standby.since <= seen && (standby.ready === true) !== ready.includes(task)
  if (!Object.entries(state.tasks).some(([task, place]) => place.standbys?.some((standby) => isNew(task, standby)))) {
    return state
  }
  const tasks = mapTasks(state, (task, place) =>
    place.standbys === undefined
      ? place
      : { ...place, standbys: place.standbys.map((each) => (isNew(task, each) ? turned(each) : each)) },
  )
  const marked = { ...state, tasks }
  return rearranged(marked)
}

/** Loads that differ by less count as the same, in hundredths of a thread. */
const LOAD_CHANGE_MIN = 20

/**
 * The group after a member has reported the load of its tasks; the same object if none differs much from what is known, or if the
 * member is alone. Tasks move if that spreads the loads better.
 */
export function loadsReported(state: GroupState, member: string, loads: ReadonlyMap<string, number>): GroupState {
  const isNew = (task: string, { owner, load }: TaskPlace) => {
    const found = loads.get(task)
    return (
      owner === member && found !== undefined && Math.abs(found - (load ?? Number.NEGATIVE_INFINITY)) >= LOAD_CHANGE_MIN
    )
  }
  const isAlone = Object.keys(state.members).length === 1
  if (isAlone || !Object.entries(state.tasks).some(([task, place]) => isNew(task, place))) return state
  const tasks = mapTasks(state, (task, place) => {
    const load = loads.get(task)
    return load !== undefined && isNew(task, place) ? { ...place, load } : place
  })
  return rearranged({ ...state, tasks })
}

/** The next generation after something of the tasks has changed that is not their owners: they move only if they should now. */
function rearranged(state: GroupState): GroupState {
  // While members leave one after the other at the end, no task moves.
  if (state.ended === true) return { ...state, generation: state.generation + 1 }
  const moved = balanced(state)
  const isMoved = Object.entries(moved.tasks).some(
    ([task, { owner, next }]) => owner !== state.tasks[task]?.owner || next !== state.tasks[task]?.next,
  )
  // If none has moved, the members are at their ends as before.
  return isMoved ? moved : { ...state, generation: moved.generation, tasks: moved.tasks }
}

/** The standby that is ready if it was not, and the other way round. */
function turned({ ready, ...standby }: StandbyPlace): StandbyPlace {
  return ready === true ? standby : { ...standby, ready: true }
}

/** A member's assignment in its group. */
export function assignmentOf(state: GroupState, member: string): Assignment {
  const running = Object.values(state.members).filter(runs)
  const { atEnd, waits = false } = state.members[member] ?? {}
  return {
    generation: state.generation,
    tasks: tasksOf(state, member),
    standbys: standbysOf(state, member, () => true),
    members: Object.entries(state.members).map(([each, { address }]) => {
      const ready = standbysOf(state, each, (standby) => standby.ready === true)
      return { member: each, address, tasks: tasksOf(state, each), ...(ready.length > 0 && { standbys: ready }) }
    }),
    ended: !waits && (state.ended === true || (atEnd !== undefined && running.some(runsWithoutEnd))),
    waits,
  }
}

/** The tasks of which a member keeps a standby that `fits`. */
function standbysOf(state: GroupState, member: string, fits: (standby: StandbyPlace) => boolean): string[] {
  return Object.entries(state.tasks).flatMap(([task, { standbys = [] }]) =>
    standbys.some((standby) => standby.member === member && fits(standby)) ? task : [],
  )
}

/** The tasks that a member has to run: those it has and need not release. */
function tasksOf(state: GroupState, member: string): string[] {
  return Object.entries(state.tasks).flatMap(([task, { owner, next }]) =>
    owner === member && next === undefined ? task : [],
  )
}

/**
 * The next generation: every task and every standby is with the member that the spread wants, or is about to move there. See
 * `placeTasks`.
 */
function balanced(state: GroupState): GroupState {
  const generation = state.generation + 1
  const places = placesIn(state)
  const tasks = mapTasks(state, (task, { owner, standbys: before = [], load }) => {
    const { member: next, standbys = [] } = places.get(task) ?? {}
    const known = load !== undefined && { load }
    if (next === undefined) return { owner: null, ...known }
    const kept = standbys.map(
      (member) => before.find((standby) => standby.member === member) ?? { member, since: generation },
    )
    const held = owner !== null && state.members[owner] !== undefined && owner !== next
    return { ...(held ? { owner, next } : { owner: next }), ...(kept.length > 0 && { standbys: kept }), ...known }
  })
  const { quietSince: _since, ended: _ended, ...others } = state
  const members = Object.fromEntries(Object.entries(state.members).map(([each, member]) => [each, busy(member)]))
  return { ...others, generation, members, tasks }
}

function placesIn(state: GroupState): Map<string, Place> {
  const present = Object.entries(state.members)
    .filter(([name, member]) => isMember(state, name) && runs(member))
    .sort(([a], [b]) => (a < b ? -1 : 1))
  const owners = new Map<string, string>()
  const standbys = new Map<string, readonly StandbyCopy[]>()
  for (const [task, { owner, standbys: kept = [] }] of Object.entries(state.tasks)) {
    if (owner !== null && state.members[owner] !== undefined) owners.set(task, owner)
    standbys.set(
      task,
      kept.map(({ member, ready = false }) => ({ member, ready })),
    )
  }
  return placeTasks({
    tasks: Object.keys(state.tasks),
    members: present.map(([name]) => name),
    hosts: present.flatMap(([name, member]) => (wantedStandbys(member) > 0 ? name : [])),
    count: Math.max(0, ...present.map(([, member]) => wantedStandbys(member))),
    owners,
    standbys,
    loads: new Map(
      Object.entries(state.tasks).flatMap(([task, { load }]) => (load === undefined ? [] : [[task, load]])),
    ),
  })
}

function wantedStandbys({ standbys = 0 }: MemberState): number {
  return standbys
}

function mapTasks(state: GroupState, change: (task: string, place: TaskPlace) => TaskPlace) {
  return Object.fromEntries(Object.entries(state.tasks).map(([task, place]) => [task, change(task, place)]))
}
