import type { GroupMember, LockFile, LogUsers } from '@millrace/connectors/internal'
import type { Env } from '@millrace/core'
import { counted } from '../terminal/amounts.ts'
import { type Finding, ok, problem, warning } from './finding.ts'
import { lockHolders, type ProcessState, processState } from './process-state.ts'

/** An append holds the lock for microseconds: one that is held at each of so many looks does not come from appends. */
const LOCK_LOOKS_MAX = 10
const LOCK_LOOK_MS = 20
/** A member beats every 100 ms: one without a beat in so long is stopped. */
const BEAT_WAIT_MS = 350
/** So many effects of a stopped process are listed; it may hold up a thousand partitions. */
const EFFECTS_SHOWN = 5

/** A process that uses the data directory. */
export interface UserProcess {
  readonly pid: number
  readonly state: ProcessState
}

/** A lock that a process holds for longer than its work takes, and the process; undefined if that is not known. */
export interface HeldLock extends LockFile {
  readonly holder: UserProcess | undefined
}

/** The processes that use a data directory, and what they hold. */
export interface ProcessFacts {
  readonly users: LogUsers
  readonly held: readonly HeldLock[]
  /** By the path of a member's file, or of a journal. */
  readonly owners: ReadonlyMap<string, UserProcess>
}

/** What a process that does not continue holds up. */
interface Effect {
  readonly what: string
  /** Whether others wait for it without an end. */
  readonly blocks: boolean
}

/** What the system shows of processes. In a container it does not show those of other containers. */
export interface ProcessSystem {
  readonly lockHolders: typeof lockHolders
  readonly processState: typeof processState
}

/** `system`: default, the real one. */
export async function readProcesses(
  env: Env,
  data: string,
  system: ProcessSystem = { lockHolders, processState },
): Promise<ProcessFacts> {
  const { findUsers, isHeld } = await import('@millrace/connectors/internal')
  const users = findUsers(env.files, data)
  let held = users.locks
  for (let looks = 0; looks < LOCK_LOOKS_MAX; looks++) {
    held = held.filter(({ path }) => isHeld(env.files, path))
    if (held.every(({ kind }) => kind === 'claim')) break
    await waited(env, LOCK_LOOK_MS)
  }
  const journals = users.journals.filter(({ owned }) => owned).map(({ path }) => path)
  const holders = system.lockHolders(
    [...held, ...users.members.filter(isAlive)].map(({ path }) => path).concat(journals),
  )
  const ownerOf = (path: string, named?: number): [string, UserProcess][] => {
    const pid = holders.get(path) ?? named
    return pid === undefined ? [] : [[path, { pid, state: system.processState(pid) }]]
  }
  const owners = new Map([
    ...journals.flatMap((path) => ownerOf(path)),
    ...users.members.flatMap(({ path, process }) => (process === undefined ? [] : ownerOf(path, process))),
  ])
  await markSilent(env, data, users, owners)
  return { users, held: held.map((lock) => ({ ...lock, holder: new Map(ownerOf(lock.path)).get(lock.path) })), owners }
}

/** Decides on the processes: which of them hold up others, and what is only left behind. */
export function checkProcesses({ users, held, owners }: ProcessFacts): Finding[] {
  const effects = new Map<number, { readonly owner: UserProcess; readonly list: Effect[] }>()
  const note = (owner: UserProcess | undefined, what: string, blocks: boolean) => {
    if (owner === undefined || !isHalted(owner)) return
    const of = effects.get(owner.pid) ?? { owner, list: [] }
    of.list.push({ what, blocks })
    effects.set(owner.pid, of)
  }
  for (const lock of held) note(lock.holder, effectOf(lock), lock.kind === 'append')
  for (const { job, path, tasks, lost } of users.members) {
    const others = users.members.some((each) => {
      return each.job === job && each.path !== path && isAlive(each) && !isHalted(owners.get(each.path))
    })
    if (lost) note(owners.get(path), `other processes of job ${job} have taken its tasks`, false)
    else if (others)
      note(owners.get(path), `other processes of job ${job} take its ${counted(tasks, 'task')} after 10 s`, false)
    else note(owners.get(path), `job ${job} does not run, because no other process runs it`, true)
  }
  for (const { partition, firstOffset, journal } of users.undecided) {
    const what = `readers of ${partition} wait at offset ${firstOffset} for its transaction, for a minute at most`
    if (journal !== undefined) note(owners.get(journal), what, false)
  }
  return [
    ...Array.from(effects.values(), ofHalted),
    ...held.flatMap(longHeld),
    ...users.undecided.flatMap(({ partition, firstOffset, isLost }) =>
      isLost ? [lostAt(partition, firstOffset)] : [],
    ),
    ...(held.some(({ kind }) => kind === 'append') ? [] : [ok('Locks', freeText(users.locks))]),
    ...runningJobs(users.members, owners),
    ...leftBehind(users),
  ]
}

/** The processes that `checkProcesses` reports as stopped, or stuck. */
export function haltedIn({ owners, held }: ProcessFacts): ReadonlySet<number> {
  const all = [...owners.values(), ...held.flatMap(({ holder }) => holder ?? [])]
  return new Set(all.filter(isHalted).map(({ pid }) => pid))
}

function ofHalted({
  owner: { pid, state },
  list,
}: {
  readonly owner: UserProcess
  readonly list: readonly Effect[]
}): Finding {
  const shown = list.slice(0, EFFECTS_SHOWN).map(({ what }) => what)
  if (list.length > shown.length) shown.push(`and ${list.length - shown.length} more`)
  const blocks = list.some((effect) => effect.blocks)
  const check = `Process ${pid}`
  const where = `process ${pid}`
  const kept = 'Nothing that it committed is lost: the next process continues from its last commit.'
  if (state === 'stuck') {
    const advice = `The process waits for a disk, and cannot be killed before that ends. Check the disk ("dmesg"). Then end it with "kill -9 ${pid}". ${kept}`
    return (blocks ? problem : warning)({ check, what: `it waits for a disk: ${shown.join('; ')}`, where, advice })
  }
  const advice = `Continue it with "kill -CONT ${pid}", or end it with "kill -9 ${pid}". ${kept}`
  return (blocks ? problem : warning)({ check, what: `it is stopped: ${shown.join('; ')}`, where, advice })
}

function effectOf({ kind, name }: LockFile): string {
  if (kind === 'append') return `no process can append to partition ${name}`
  if (kind === 'clean') return `partition ${name} is not compacted, and grows`
  if (kind === 'backup') return 'its backup delays every commit by half a second'
  return `it has the name ${name} for itself`
}

/** A lock that a process holds that runs, or is not known. */
function longHeld({ path, kind, name, holder }: HeldLock): Finding[] {
  if (kind !== 'append' || isHalted(holder)) return []
  const who = holder === undefined ? 'a process' : `process ${holder.pid}`
  const what = `${who} holds the lock of partition ${name} for longer than an append takes`
  const finds = holder === undefined ? `"lsof ${path}" shows the processes that have it open. ` : ''
  const end = holder === undefined ? 'it' : `it with "kill -9 ${holder.pid}"`
  const advice = `${finds}No other process can append meanwhile. Check the disk, and run this command again. If the process hangs, end ${end}.`
  return [warning({ check: 'Locks', what, where: path, advice })]
}

function lostAt(partition: string, firstOffset: number): Finding {
  const what = `partition ${partition} has a transaction from offset ${firstOffset} on, and its journal is missing: no reader gets past it`
  const advice = 'Restore the whole data directory from one backup ("millrace restore").'
  return problem({ check: 'Transactions', what, where: partition, advice })
}

function freeText(locks: readonly LockFile[]): string {
  const partitions = locks.filter(({ kind }) => kind === 'append').length
  return `no process holds up the appends to ${counted(partitions, 'partition')}`
}

function runningJobs(members: readonly GroupMember[], owners: ReadonlyMap<string, UserProcess>): Finding[] {
  const running = members.filter((member) => isAlive(member) && !isHalted(owners.get(member.path)))
  return [...new Set(running.map(({ job }) => job))].map((job) => {
    const own = running.filter((member) => member.job === job)
    const pids = own.map(({ process }) => process).join(', ')
    const tasks = own.reduce((sum, member) => sum + member.tasks, 0)
    return ok(`Job ${job}`, `${counted(own.length, 'process', 'processes')} (${pids}) with ${counted(tasks, 'task')}`)
  })
}

/** What processes that died left, and others clean up. */
function leftBehind({ members, journals, undecided }: LogUsers): Finding[] {
  const dead = members.filter((member) => !isAlive(member)).length
  const abandoned = journals.filter(({ owned }) => !owned)
  const open = undecided.filter(({ journal }) => abandoned.some(({ path }) => path === journal)).length
  const parts = [
    ...(dead > 0 ? [counted(dead, 'member')] : []),
    ...(abandoned.length > 0 ? [counted(abandoned.length, 'journal')] : []),
    ...(open > 0 ? [counted(open, 'open transaction')] : []),
  ]
  if (parts.length === 0) return []
  return [ok('Left behind', `${parts.join(', ')} of processes that died; the next process cleans up`)]
}

/**
 * A member's process may not be visible here, because it runs in another container. Whether it is stopped then shows in its
 * heartbeat.
 */
async function markSilent(env: Env, data: string, users: LogUsers, owners: Map<string, UserProcess>): Promise<void> {
  const hidden = users.members.filter(({ path }) => ['gone', 'unknown'].includes(owners.get(path)?.state ?? ''))
  if (hidden.length === 0) return
  await waited(env, BEAT_WAIT_MS)
  const { findUsers } = await import('@millrace/connectors/internal')
  const after = findUsers(env.files, data).members
  for (const { path, beats } of hidden) {
    const now = after.find((member) => member.path === path)
    const owner = owners.get(path)
    if (now?.process === undefined || owner === undefined) continue
    owners.set(path, { ...owner, state: now.beats === beats ? 'stopped' : 'running' })
  }
}

function isAlive({ process }: GroupMember): boolean {
  return process !== undefined
}

function isHalted(owner: UserProcess | undefined): boolean {
  return owner?.state === 'stopped' || owner?.state === 'stuck'
}

function waited({ timers }: Env, ms: number): Promise<void> {
  return new Promise((resolve) => void timers.after(ms, resolve))
}
