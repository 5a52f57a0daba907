import {
  type Assignment,
  type Env,
  FencedError,
  type JoinOptions,
  type Membership,
  type OpenFile,
  RefusedError,
  type Timer,
} from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import { ReplaySubject } from 'rxjs'
import { diskFailed } from '../errors.ts'
import type { GroupFiles } from './group-files.ts'
import { EMPTY_GROUP, type GroupState, released, tasksOf, withMember, withoutMembers } from './group-state.ts'

/** How often a member beats, and looks at the others: a death is noticed within two looks. */
const LOOK_INTERVAL_MS = 100
export const SESSION_TIMEOUT_MS = 10_000
/** A member that looks so much later than it meant to was stopped itself: what it remembers of others is no evidence. */
const LATE_LOOK_MS = 1000

/** What a group needs of the log that it lives in. */
export interface GroupOptions extends JoinOptions {
  readonly env: Env
  readonly group: string
  readonly files: GroupFiles
  /** Makes sure that a member that is gone, or is taken for gone, can write nothing more, and ends what it left open. */
  readonly fence: (member: string) => Promise<void>
  /** Throws `JOB_RUNNING` where somebody has claimed the name for himself alone. */
  readonly checkUnclaimed: () => void
}

/** What a member remembers of another's life. */
interface Observation {
  readonly beat: number
  readonly sinceMs: number
}

/**
 * Membership by files: the kernel tells who lives (each member's file is locked by it), a heartbeat who is only stopped,
 * and whoever notices that a member is gone fences it before its tasks go to others. There is no leader: every change is
 * made under the group's lock, by whom it concerns or who sees it first.
 */
export class FileMembership implements Membership {
  readonly member: string
  readonly assignments = new ReplaySubject<Assignment>(1)
  readonly #options: GroupOptions
  readonly #file: OpenFile
  readonly #seen = new Map<string, Observation>()
  #generation = -1
  #beats = 0
  #lookedAtMs: number
  #timer: Timer | undefined
  #changing: Promise<unknown> = Promise.resolve()
  #busy = false
  #leaving = false
  #ended = false

  private constructor(options: GroupOptions, member: string, file: OpenFile) {
    this.#options = options
    this.member = member
    this.#file = file
    this.#lookedAtMs = options.env.clock.monotonic()
  }

  static async join(options: GroupOptions): Promise<FileMembership> {
    const { env, files, group, tasks, address, checkUnclaimed } = options
    checkName('job', group)
    const member = env.random.uuid()
    const file = files.enter(member)
    const membership = new FileMembership(options, member, file)
    try {
      await files.locked(async () => {
        checkUnclaimed()
        const alive = await membership.#withoutGone(files.read() ?? EMPTY_GROUP)
        files.removeStrays(alive, member)
        await files.write(withMember(fittingTasks(alive, group, tasks), member, address))
      })
    } catch (error) {
      membership.#end()
      throw diskFailed(group, error, { job: group })
    }
    membership.#publish(files.read())
    membership.#lookLater()
    return membership
  }

  async release(assignment: Assignment): Promise<void> {
    await this.#change((state) => {
      const owed = Object.entries(state.tasks).some(
        ([task, { owner, next }]) => owner === this.member && next !== undefined && !assignment.tasks.includes(task),
      )
      return owed ? released(state, this.member, assignment.tasks) : state
    })
  }

  async leave(): Promise<void> {
    if (this.#ended) return
    this.#leaving = true
    this.#timer?.cancel()
    try {
      await this.#change((state) => withoutMembers(state, [this.member]))
    } finally {
      this.#end()
      this.assignments.complete()
    }
  }

  /** Changes the group, unless it has gone on without this member. One step of this member's at a time. */
  async #change(change: (state: GroupState) => GroupState | Promise<GroupState>): Promise<void> {
    const { files } = this.#options
    const changed = this.#changing.then(async () => {
      if (this.#ended) return
      await files.locked(async () => {
        const state = files.read()
        if (state?.members[this.member] === undefined) return
        const next = await change(state)
        if (next !== state) await files.write(next)
      })
    })
    this.#changing = changed.catch(() => undefined)
    try {
      await changed
    } catch (error) {
      throw diskFailed(this.#options.group, error, { job: this.#options.group })
    }
    if (!this.#ended && !this.#leaving) this.#publish(files.read())
  }

  #lookLater(): void {
    this.#timer = this.#options.env.timers.after(LOOK_INTERVAL_MS, () => {
      if (this.#ended) return
      this.#lookLater()
      this.#look()
    })
  }

  #look(): void {
    try {
      // However long a change of the group takes, this member lives.
      this.#options.files.beat(this.#file, ++this.#beats)
      this.#forgetIfLate()
      const state = this.#options.files.read()
      this.#publish(state)
      if (this.#ended || this.#busy || state === undefined || this.#goneIn(state).length === 0) return
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#busy = true
    this.#change((group) => this.#withoutGone(group))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#busy = false
      })
  }

  /** The group without its dead, each of which is fenced first. Under the lock. */
  async #withoutGone(state: GroupState): Promise<GroupState> {
    const gone = this.#goneIn(state)
    for (const member of gone) {
      await this.#options.fence(member)
      this.#options.files.remove(member)
      this.#seen.delete(member)
    }
    return gone.length === 0 ? state : withoutMembers(state, gone)
  }

  /** Who is dead, or was silent for the session's time. */
  #goneIn(state: GroupState): string[] {
    const { files, env, sessionTimeoutMs = SESSION_TIMEOUT_MS } = this.#options
    const now = env.clock.monotonic()
    return Object.keys(state.members).filter((member) => {
      if (member === this.member) return false
      const beat = files.heartbeatOf(member)
      if (beat === undefined) return true
      const seen = this.#seen.get(member)
      if (seen?.beat === beat) return now - seen.sinceMs > sessionTimeoutMs
      this.#seen.set(member, { beat, sinceMs: now })
      return false
    })
  }

  #forgetIfLate(): void {
    const now = this.#options.env.clock.monotonic()
    if (now - this.#lookedAtMs > LATE_LOOK_MS) this.#seen.clear()
    this.#lookedAtMs = now
  }

  #publish(state: GroupState | undefined): void {
    if (state?.members[this.member] === undefined) {
      this.#fail(fenced(this.#options.group))
      return
    }
    if (state.generation === this.#generation) return
    this.#generation = state.generation
    this.assignments.next({
      generation: state.generation,
      tasks: tasksOf(state, this.member),
      members: Object.entries(state.members).map(([member, { address }]) => ({
        member,
        address,
        tasks: tasksOf(state, member),
      })),
    })
  }

  #fail(error: unknown): void {
    if (this.#ended) return
    this.#end()
    this.assignments.error(diskFailed(this.#options.group, error, { job: this.#options.group }))
  }

  #end(): void {
    this.#ended = true
    this.#timer?.cancel()
    // The file goes with its lock; one that was removed by others stays removed.
    this.#options.files.remove(this.member)
    this.#file.close()
    // A change that is under way holds the group's lock.
    this.#changing.finally(() => this.#options.files.close())
  }
}

/** The group with the tasks that a new member knows. Throws where others run other ones. */
function fittingTasks(state: GroupState, group: string, tasks: readonly string[]): GroupState {
  const same =
    tasks.length === Object.keys(state.tasks).length && tasks.every((task) => state.tasks[task] !== undefined)
  if (same) return state
  if (Object.keys(state.members).length > 0) {
    throw new RefusedError(
      'JOB_RUNNING',
      `The job ${group} is running already, and has other tasks than this version of it: stop it first`,
      { job: group },
    )
  }
  return { ...state, tasks: Object.fromEntries(tasks.map((task) => [task, { owner: null }])) }
}

function fenced(group: string): FencedError {
  return new FencedError(
    'MEMBER_FENCED',
    `The job ${group} went on without this process, which gave no sign of life for too long: others have its tasks`,
    { job: group },
  )
}
