import { Flow } from './flow.ts'

/** What standbys are chosen from. */
export interface StandbyChoice {
  readonly tasks: readonly string[]
  /** The members that keep standbys. */
  readonly hosts: readonly string[]
  /** How many standbys each task has; fewer if there are not enough hosts. */
  readonly count: number
  /** The member that runs each task: it never keeps a standby of it. */
  readonly owners: ReadonlyMap<string, string>
  /** The members that have a copy of each task's state now. */
  readonly copies: ReadonlyMap<string, readonly string[]>
}

/**
 * Chooses the members that keep a standby of each task: never the task's owner, no member twice, and evenly: if the tasks are
 * spread evenly, the numbers of standbys of two members differ by one at most. Of all even spreads it chooses one in which as
 * many copies as possible stay where they are; and of these one in which the standbys of an owner's tasks are with different
 * members, so that its tasks are spread evenly again if it dies. The same input gives the same result in every process.
 */
export function assignStandbys({ tasks, hosts, count, owners, copies }: StandbyChoice): Map<string, string[]> {
  const [source, target] = [0, 1]
  const taskNode = (task: number) => 2 + task
  const hostNode = (host: number) => 2 + tasks.length + host
  const ownersAmong = [...new Set(tasks.map((task) => owners.get(task)))]
  const pairNode = (owner: number, host: number) => 2 + tasks.length + hosts.length * (1 + owner) + host
  const flow = new Flow(2 + tasks.length + hosts.length * (1 + ownersAmong.length))
  const places = (task: string) => Math.min(count, hosts.filter((host) => host !== owners.get(task)).length)
  const total = tasks.reduce((sum, task) => sum + places(task), 0)
  // Costs in this order: one copy that moves costs more than all pairs together, and an uneven spread more than all copies.
  const copyCost = total + 1
  const unevenCost = copyCost * (total + 1)
  for (const host of hosts.keys()) {
    fill(flow, hostNode(host), target, { evenly: Math.floor(total / hosts.length), total, cost: unevenCost })
  }
  for (const [number, owner] of ownersAmong.entries()) {
    const owned = tasks.reduce((sum, task) => sum + (owners.get(task) === owner ? places(task) : 0), 0)
    const others = hosts.filter((host) => host !== owner)
    for (const [host, name] of hosts.entries()) {
      if (name === owner) continue
      const evenly = Math.floor(owned / others.length)
      fill(flow, pairNode(number, host), hostNode(host), { evenly, total: owned, cost: 1 })
    }
  }
  const chosen = tasks.map((task, number) => {
    const owner = owners.get(task)
    const pair = ownersAmong.indexOf(owner)
    flow.connect(source, taskNode(number), places(task))
    return hosts.flatMap((host, index) => {
      if (host === owner) return []
      const isCopy = copies.get(task)?.includes(host) === true
      return { host, units: flow.connect(taskNode(number), pairNode(pair, index), 1, isCopy ? -copyCost : 0) }
    })
  })
  flow.send(source, target)
  return new Map(
    tasks.map((task, number) => [
      task,
      (chosen[number] ?? []).flatMap(({ host, units }) => (units() === 1 ? host : [])),
    ]),
  )
}

interface Share {
  /** So many units pass for nothing, the next one for `cost`, and all others for twice that. */
  readonly evenly: number
  readonly total: number
  readonly cost: number
}

/** Connects two nodes by edges on which an uneven share costs more. */
function fill(flow: Flow, from: number, to: number, { evenly, total, cost }: Share): void {
  flow.connect(from, to, evenly)
  flow.connect(from, to, 1, cost)
  flow.connect(from, to, total, 2 * cost)
}
