import { Flow } from './flow.ts'

/**
 * Spreads tasks over members: evenly (counts differ by one at most), each subtopology's tasks evenly too, and so that as few
 * as possible change their owner. A view is of one subtopology, so no member has most of a view, and no member has most of
 * the work of a step. The same input gives the same result in every process. `owners` gives the present owner of each task;
 * owners that are not members are ignored. Without members no task is assigned. `preferred` gives the members that a task goes
 * to if it has to move and they have room, the best first.
 */
export function assignTasks(
  tasks: readonly string[],
  members: readonly string[],
  owners: ReadonlyMap<string, string>,
  preferred: ReadonlyMap<string, readonly string[]> = new Map(),
): Map<string, string> {
  const assigned = new Map<string, string>()
  if (members.length === 0) return assigned
  const groups = [...groupedTasks(tasks).values()]
  const rooms = spread(groups, members, owners)
  for (const [at, group] of groups.entries()) {
    const room = rooms[at] ?? new Map<string, number>()
    const take = (task: string, member: string) => {
      room.set(member, (room.get(member) ?? 0) - 1)
      assigned.set(task, member)
    }
    const hasRoom = (member: string) => (room.get(member) ?? 0) > 0
    const isWanted = (task: string) => preferred.get(task)?.some((member) => member !== owners.get(task)) === true
    // A task that another member has a copy of moves rather than one that no other member has a copy of.
    const staying = [...group.filter((task) => !isWanted(task)), ...group.filter(isWanted)]
    for (const task of staying) {
      const owner = owners.get(task)
      if (owner !== undefined && hasRoom(owner)) take(task, owner)
    }
    const moving = () => group.filter((task) => !assigned.has(task))
    for (const task of moving()) {
      const found = preferred.get(task)?.find(hasRoom)
      if (found !== undefined) take(task, found)
    }
    for (const task of moving()) {
      const free = members.find(hasRoom)
      if (free !== undefined) take(task, free)
    }
  }
  return assigned
}

/** The tasks by their subtopology: a task's id is `<subtopology>-<partition>`. */
function groupedTasks(tasks: readonly string[]): Map<string, string[]> {
  const groups = new Map<string, string[]>()
  for (const task of tasks) {
    const name = task.replace(/-\d+$/, '')
    const group = groups.get(name)
    if (group === undefined) groups.set(name, [task])
    else group.push(task)
  }
  return groups
}

/**
 * How many tasks of each group each member gets. All members get the same number of a group's tasks, and some of them get one
 * more. Of these extra tasks, all members together get the same number too, and some get one more. A flow from the groups to
 * the members selects them; its cost is lowest if most tasks stay.
 */
function spread(
  groups: readonly (readonly string[])[],
  members: readonly string[],
  owners: ReadonlyMap<string, string>,
): readonly Map<string, number>[] {
  const [source, target, larger] = [0, 1, 2]
  const groupNode = (group: number) => 3 + group
  const memberNode = (member: number) => 3 + groups.length + member
  const flow = new Flow(3 + groups.length + members.length)
  const rest = groups.reduce((sum, group) => sum + (group.length % members.length), 0)
  flow.connect(larger, target, rest % members.length)
  for (const member of members.keys()) {
    flow.connect(memberNode(member), target, Math.floor(rest / members.length))
    flow.connect(memberNode(member), larger, 1)
  }
  const extras = groups.map((group, at) => {
    flow.connect(source, groupNode(at), group.length % members.length)
    const share = Math.floor(group.length / members.length)
    return members.map((member, index) => {
      const has = group.filter((task) => owners.get(task) === member).length
      return flow.connect(groupNode(at), memberNode(index), 1, has > share ? -1 : 0)
    })
  })
  flow.send(source, target)
  return groups.map((group, at) => {
    const share = Math.floor(group.length / members.length)
    return new Map(members.map((member, index) => [member, share + (extras[at]?.[index]?.() ?? 0)]))
  })
}
