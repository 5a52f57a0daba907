/**
 * How much more a member must carry than another before a task moves between them, in hundredths of a thread. Less is not worth a
 * restore.
 */
const LOAD_GAIN_MIN = 15

/**
 * What each task weighs in addition to its load. It is more than `LOAD_GAIN_MIN`, so tasks without load are spread by their number,
 * and a member that joins gets some.
 */
const TASK_WEIGHT = 20

/** What `assignByLoad` decides on. */
export interface LoadedTasks {
  readonly tasks: readonly string[]
  readonly members: readonly string[]
  /** The present owner of each task; owners that are not members are ignored. */
  readonly owners: ReadonlyMap<string, string>
  /** The share of a thread that each task takes, in hundredths. */
  readonly loads: ReadonlyMap<string, number>
  /** The members that a task without an owner goes to if they are not fuller than the others, the best first. */
  readonly preferred: ReadonlyMap<string, readonly string[]>
}

/** Whether the loads of tasks differ so much that their number alone does not decide where they go. All must be known. */
export function areUneven(tasks: readonly string[], loads: ReadonlyMap<string, number>): boolean {
  const known = tasks.flatMap((task) => loads.get(task) ?? [])
  return known.length === tasks.length && Math.max(...known) - Math.min(...known) > TASK_WEIGHT
}

/**
 * Spreads tasks over members by what they load: a task moves, or two change places, if that lowers the load of the fuller of two
 * members by `LOAD_GAIN_MIN` at least. Otherwise each stays where it is. The same input gives the same result in every process, and
 * a second call with this result moves nothing.
 */
export function assignByLoad({ tasks, members, owners, loads, preferred }: LoadedTasks): Map<string, string> {
  const weight = (task: string) => TASK_WEIGHT + (loads.get(task) ?? 0)
  const filled = new Map(members.map((name) => [name, new Member(name)]))
  const free: string[] = []
  for (const task of tasks) {
    const owner = filled.get(owners.get(task) ?? '')
    if (owner === undefined) free.push(task)
    else owner.add(task, weight(task))
  }
  const all = [...filled.values()]
  for (const task of free.toSorted((a, b) => weight(b) - weight(a))) {
    const least = Math.min(...all.map((member) => member.weight))
    const hosts = (preferred.get(task) ?? []).flatMap((name) => filled.get(name) ?? [])
    const fits = [...hosts, ...all].find((member) => member.weight < least + LOAD_GAIN_MIN)
    fits?.add(task, weight(task))
  }
  while (relieveOne(all)) {}
  return new Map(all.flatMap(({ name, tasks: own }) => Array.from(own.keys(), (task) => [task, name] as const)))
}

/** A member and what is to be its. */
class Member {
  readonly name: string
  readonly tasks = new Map<string, number>()
  weight = 0

  constructor(name: string) {
    this.name = name
  }

  add(task: string, weight: number): void {
    this.tasks.set(task, weight)
    this.weight += weight
  }

  remove(task: string, weight: number): void {
    this.tasks.delete(task)
    this.weight -= weight
  }
}

/** What is given to another member, and what is taken for it, if anything. */
interface Exchange {
  readonly to: Member
  readonly given: readonly [string, number]
  readonly taken: readonly [string, number] | undefined
  /** The weight of the fuller one of the two afterwards. */
  readonly fuller: number
}

/** Makes the exchange that helps the fullest member that can be helped; false if none can. */
function relieveOne(members: readonly Member[]): boolean {
  const byWeight = members.toSorted((a, b) => b.weight - a.weight)
  for (const [at, from] of byWeight.entries()) {
    const best = bestExchange(from, byWeight.slice(at + 1))
    if (best === undefined || from.weight - best.fuller < LOAD_GAIN_MIN) continue
    exchange(from, best)
    return true
  }
  return false
}

function bestExchange(from: Member, others: readonly Member[]): Exchange | undefined {
  let best: Exchange | undefined
  for (const to of others) {
    for (const given of from.tasks) {
      for (const taken of [undefined, ...to.tasks]) {
        const moved = given[1] - (taken?.[1] ?? 0)
        const fuller = Math.max(from.weight - moved, to.weight + moved)
        if (best === undefined || fuller < best.fuller) best = { to, given, taken, fuller }
      }
    }
  }
  return best
}

function exchange(from: Member, { to, given, taken }: Exchange): void {
  from.remove(...given)
  to.add(...given)
  if (taken === undefined) return
  to.remove(...taken)
  from.add(...taken)
}
