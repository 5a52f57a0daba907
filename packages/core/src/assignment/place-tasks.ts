import { areUneven, assignByLoad } from './assign-by-load.ts'
import { assignStandbys } from './assign-standbys.ts'
import { assignTasks } from './assign-tasks.ts'

/** A copy of a task's state that a member keeps. */
export interface StandbyCopy {
  readonly member: string
  /** Whether it has caught up with the changelog, and follows it. */
  readonly ready: boolean
}

/** A group whose tasks and standbys are to be placed. */
export interface Placing {
  readonly tasks: readonly string[]
  /** The members that can run tasks. */
  readonly members: readonly string[]
  /** Those of them that keep standbys. */
  readonly hosts: readonly string[]
  /** How many standbys each task has. */
  readonly count: number
  /** The present owner of each task. One that is not a member is dead, and still has to be fenced. */
  readonly owners: ReadonlyMap<string, string>
  /** The present standbys of each task. Those of members that are not hosts do not count. */
  readonly standbys: ReadonlyMap<string, readonly StandbyCopy[]>
  /** The share of a thread that each task takes, in hundredths, as far as it is known. */
  readonly loads: ReadonlyMap<string, number>
}

/** Where a task and its standbys are to be. */
export interface Place {
  /** The member that is to run the task; undefined without members. */
  readonly member: string | undefined
  /** The members that are to keep a standby: those that get the task later, too. Without the member that runs it now. */
  readonly standbys: readonly string[]
}

/**
 * Where each task and its standbys are to be now. Tasks are spread by their number (`assignTasks`), or by their loads if these are
 * known and differ (`assignByLoad`). With standbys, no task waits for a restore if any member has a copy of its state:
 *
 * - A task without a living owner goes to a member that has a standby of it that is ready, even if the spread is uneven then.
 * - A task that has an owner moves to another member only once that member has a standby of it that is ready. Until then the
 *   member keeps a standby in addition to the others.
 * - A standby that is ready is given up only once enough others are ready.
 */
export function placeTasks({ tasks, members, hosts, count, owners, standbys, loads }: Placing): Map<string, Place> {
  const copies = new Map(
    tasks.map((task) => [task, (standbys.get(task) ?? []).filter(({ member }) => hosts.includes(member))]),
  )
  const isReady = (task: string, member: string) =>
    copies.get(task)?.some((copy) => copy.member === member && copy.ready) === true
  const holders = withTakeOvers(tasks, members, owners, isReady)
  const wanted = areUneven(tasks, loads)
    ? assignByLoad({ tasks, members, owners: holders, loads, preferred: preferred(copies) })
    : assignTasks(tasks, members, holders, preferred(copies))
  const isWarmed = (task: string, member: string) =>
    count > 0 && hosts.includes(member) && holders.get(task) !== member && !isReady(task, member)
  const places = new Map<string, Place>()
  const chosen = assignStandbys({ tasks, hosts, count, owners: wanted, copies: withHolders(copies, holders) })
  for (const task of tasks) {
    const target = wanted.get(task)
    const holder = holders.get(task)
    const waits = target !== undefined && holder !== undefined && isWarmed(task, target)
    const member = waits ? holder : target
    const own = chosen.get(task) ?? []
    // The standby of the member that runs the task is the task's.
    const ready = (copies.get(task) ?? []).flatMap((copy) => (copy.ready && copy.member !== member ? copy.member : []))
    const missing = Math.max(0, count - own.filter((each) => ready.includes(each)).length)
    const kept = ready.filter((each) => !own.includes(each)).slice(0, missing)
    // The next owner keeps its standby until the present one has released the task, or is fenced.
    const next = member !== undefined && isReady(task, member) ? [member] : []
    const all = new Set([...(waits ? [target] : []), ...next, ...own, ...kept])
    const owner = owners.get(task) ?? member
    places.set(task, { member, standbys: [...all].filter((each) => each !== owner) })
  }
  return places
}

/** The living owner of each task; of a task that has none, a member with a standby that is ready, if there is one. */
function withTakeOvers(
  tasks: readonly string[],
  members: readonly string[],
  owners: ReadonlyMap<string, string>,
  isReady: (task: string, member: string) => boolean,
): Map<string, string> {
  const holders = new Map<string, string>()
  const counts = new Map(members.map((member) => [member, 0]))
  const hold = (task: string, member: string) => {
    holders.set(task, member)
    counts.set(member, (counts.get(member) ?? 0) + 1)
  }
  for (const task of tasks) {
    const owner = owners.get(task)
    if (owner !== undefined && counts.has(owner)) hold(task, owner)
  }
  const count = (member: string) => counts.get(member) ?? 0
  for (const task of tasks) {
    if (holders.has(task)) continue
    const [successor] = members.filter((member) => isReady(task, member)).sort((a, b) => count(a) - count(b))
    if (successor !== undefined) hold(task, successor)
  }
  return holders
}

/** The members that a task that has to move goes to if possible: those whose standby is ready first. */
function preferred(copies: ReadonlyMap<string, readonly StandbyCopy[]>): Map<string, readonly string[]> {
  return new Map(
    [...copies].map(([task, all]) => [
      task,
      [...all].sort((a, b) => Number(b.ready) - Number(a.ready)).map(({ member }) => member),
    ]),
  )
}

/** The members that have a task's state on their disk: those with a standby, and the one that runs the task. */
function withHolders(
  copies: ReadonlyMap<string, readonly StandbyCopy[]>,
  holders: ReadonlyMap<string, string>,
): Map<string, readonly string[]> {
  return new Map(
    [...copies].map(([task, all]) => [task, [...all.map(({ member }) => member), holders.get(task) ?? []].flat()]),
  )
}
