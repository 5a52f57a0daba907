/**
 * Spreads tasks over members: evenly (counts differ by one at most), and so that as few as possible change their owner.
 * The same input gives the same answer, whoever asks. `owners` says who has a task now; owners that are no members count
 * for nothing. Without members nobody gets anything.
 */
export function assignTasks(
  tasks: readonly string[],
  members: readonly string[],
  owners: ReadonlyMap<string, string>,
): Map<string, string> {
  const assigned = new Map<string, string>()
  if (members.length === 0) return assigned
  const had = new Map(members.map((member) => [member, 0]))
  for (const task of tasks) {
    const owner = owners.get(task)
    const count = owner === undefined ? undefined : had.get(owner)
    if (owner !== undefined && count !== undefined) had.set(owner, count + 1)
  }
  // Those who have most may keep one more: then fewest must move.
  const byCount = [...members].sort((a, b) => (had.get(b) ?? 0) - (had.get(a) ?? 0) || (a < b ? -1 : 1))
  const share = Math.floor(tasks.length / members.length)
  const larger = tasks.length % members.length
  const room = new Map(byCount.map((member, index) => [member, index < larger ? share + 1 : share]))
  const take = (task: string, member: string) => {
    room.set(member, (room.get(member) ?? 0) - 1)
    assigned.set(task, member)
  }
  for (const task of tasks) {
    const owner = owners.get(task)
    if (owner !== undefined && (room.get(owner) ?? 0) > 0) take(task, owner)
  }
  let next = 0
  for (const task of tasks) {
    if (assigned.has(task)) continue
    while ((room.get(byCount[next] ?? '') ?? 0) === 0) next++
    take(task, byCount[next] ?? '')
  }
  return assigned
}
