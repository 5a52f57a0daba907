import type { Assignment, Env, Heartbeat, JoinOptions, Membership, Timer, TransactionalWriter } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import {
  EMPTY_GROUP,
  type GroupState,
  released,
  reported,
  running,
  withMember,
  withoutMembers,
} from '../../membership/group-state.ts'
import { MemberFeed, memberFenced } from '../../membership/member-feed.ts'
import { diskFailed } from '../errors.ts'
import { GroupFiles } from './group-files.ts'
import { BEAT_INTERVAL_MS, LifeSigns } from './life-signs.ts'
import type { MemberFile } from './member-file.ts'

const SESSION_TIMEOUT_MS = 10_000

/** What a group needs from the log that it belongs to. */
export interface GroupOptions extends JoinOptions {
  readonly env: Env
  /** The data directory. */
  readonly data: string
  readonly group: string
  /** Makes sure that a member that is dead, or is taken for dead, can write nothing more, and ends what it left open. */
  readonly fence: (member: string) => Promise<void>
  /** Opens the transactional writer of a member. */
  readonly openWriter: (member: string) => Promise<TransactionalWriter>
  /** Whether a member has written something that only its writer, or a fence, can end. */
  readonly owes: (member: string) => boolean
  /** Throws `JOB_RUNNING` if another process has claimed the name for itself alone. */
  readonly checkUnclaimed: () => void
}

/**
 * Membership by files. The kernel knows which members live: each holds a lock on its file. A heartbeat shows which process is
 * only stopped. The first member that finds another one dead fences it, before its tasks go to others. There is no leader:
 * every change is made under the group's lock, by the member that it concerns or by the first that notices.
 */
export class FileMembership implements Membership {
  readonly member: string
  readonly #options: GroupOptions
  readonly #files: GroupFiles
  readonly #feed: MemberFeed
  readonly #signs: LifeSigns
  readonly #sessionTimeoutMs: number
  #file: MemberFile | undefined
  #heartbeat: Heartbeat | undefined
  #timer: Timer | undefined
  #changing: Promise<unknown> = Promise.resolve()
  #burying = false
  #leaving: Promise<void> | undefined
  #ended = false

  private constructor(options: GroupOptions, files: GroupFiles) {
    const { env, sessionTimeoutMs = SESSION_TIMEOUT_MS } = options
    this.#options = options
    this.#files = files
    this.member = env.random.uuid()
    this.#feed = new MemberFeed(this.member)
    this.#sessionTimeoutMs = sessionTimeoutMs
    const ownBeats = () => this.#file?.beats ?? 0
    this.#signs = new LifeSigns(env.clock, ownBeats, (member) => files.signOf(member), sessionTimeoutMs)
  }

  static async join(options: GroupOptions): Promise<FileMembership> {
    const { env, data, group } = options
    checkName('job', group)
    try {
      const membership = new FileMembership(options, new GroupFiles(env, data, group))
      await membership.#enter()
      return membership
    } catch (error) {
      throw diskFailed(`${data}/jobs/${group}`, error, { job: group })
    }
  }

  get assignments() {
    return this.#feed.assignments
  }

  async release(assignment: Assignment): Promise<void> {
    // Every assignment must be released, but few of them take a task away.
    if (this.#feed.owes)
      await this.#change((state) => released(state, this.member, (task) => this.#feed.keeps(assignment, task)))
  }

  async reportEnd({ generation }: Assignment, atEnd: boolean): Promise<void> {
    await this.#change((state) => reported(state, this.member, generation, atEnd))
  }

  async openWriter(): Promise<TransactionalWriter> {
    const writer = await this.#options.openWriter(this.member)
    // A process that takes this member for dead from here on also fences the writer; one that did so before found no writer.
    try {
      await this.#change((state) => state)
      if (this.#ended) throw memberFenced(this.#options.group)
    } catch (error) {
      await writer.close()
      throw error
    }
    return writer
  }

  leave(): Promise<void> {
    this.#leaving ??= this.#leave()
    return this.#leaving
  }

  async #enter(): Promise<void> {
    const { env, group, checkUnclaimed } = this.#options
    try {
      // The heartbeat must run before the others can wait for its first beat.
      const failed = (error: unknown) => this.#fail(this.#problem(error))
      this.#heartbeat = await env.heartbeats.start(this.#files.pathOf(this.member), BEAT_INTERVAL_MS, failed)
      await this.#locked(async () => {
        checkUnclaimed()
        // Under the lock, so that its holder knows: a member's file that the group does not name is not that of a new member.
        this.#file = this.#files.enter(this.member)
        const found = this.#files.read() ?? EMPTY_GROUP
        await this.#fenceStrays(found)
        const alive = await this.#withoutGone(found)
        const state = withMember(running(alive, group, this.#options), this.member, this.#options)
        await this.#files.write(state)
        this.#feed.tell(state)
      })
    } catch (error) {
      this.#end()
      throw error
    }
    this.#lookLater()
  }

  async #leave(): Promise<void> {
    if (this.#ended) return
    this.#timer?.cancel()
    try {
      // A writer that failed has left open what it could not end: the process that finds this member dead ends it, as after a
      // crash.
      if (!this.#options.owes(this.member)) await this.#change((state) => withoutMembers(state, [this.member]))
    } finally {
      this.#end()
      this.assignments.complete()
    }
  }

  /** Changes the group, unless it continues without this member. */
  #change(change: (state: GroupState) => GroupState | Promise<GroupState>): Promise<void> {
    return this.#locked(async () => {
      const state = this.#files.read()
      const next = state?.members[this.member] === undefined ? undefined : await change(state)
      if (next !== undefined && next !== state) await this.#files.write(next)
      if (this.#leaving === undefined) this.#follow(next)
    })
  }

  /** Runs a step under the group's lock; this member's steps run one after the other. */
  async #locked(step: () => Promise<void>): Promise<void> {
    const done = this.#changing.then(async () => {
      if (!this.#ended) await this.#files.locked(step)
    })
    this.#changing = done.catch(() => undefined)
    try {
      await done
    } catch (error) {
      throw this.#problem(error)
    }
  }

  #lookLater(): void {
    this.#timer = this.#options.env.timers.after(BEAT_INTERVAL_MS, () => {
      if (this.#ended || this.#leaving !== undefined) return
      this.#lookLater()
      this.#look()
    })
  }

  #look(): void {
    try {
      this.#file?.turn()
      const state = this.#files.read()
      this.#follow(state)
      if (this.#ended || state === undefined || this.#goneIn(state).length === 0 || this.#burying) return
    } catch (error) {
      this.#fail(this.#problem(error))
      return
    }
    this.#burying = true
    this.#change((group) => this.#withoutGone(group))
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#burying = false
      })
  }

  /** The group without its dead members, each of which is fenced first. Under the lock. */
  async #withoutGone(state: GroupState): Promise<GroupState> {
    const gone = this.#goneIn(state)
    for (const member of gone) await this.#fence(member)
    return gone.length === 0 ? state : withoutMembers(state, gone)
  }

  #goneIn(state: GroupState): string[] {
    const { gone, busy } = this.#signs.look(Object.keys(state.members).filter((member) => member !== this.member))
    for (const member of busy) this.#noticeBusy(member)
    return [...gone]
  }

  /** A member in a long call keeps its tasks: other members would reach the same record, and be stuck in the same call. */
  #noticeBusy(member: string): void {
    const { group, onNotice } = this.#options
    const process = this.#files.signOf(member)?.process
    if (process === undefined) return
    onNotice?.(
      `The process ${process} of the job ${group} runs, and has not come back from a callback for ${this.#sessionTimeoutMs} ms: ` +
        `its tasks wait for it. If it hangs, end it (kill -9 ${process}): the others then take its tasks`,
    )
  }

  /**
   * Fences every process that holds a member's file that the group does not name: it died while it joined, or belongs to a
   * group whose file was lost, and may still have tasks. Under the lock.
   */
  async #fenceStrays(state: GroupState): Promise<void> {
    for (const member of this.#files.members()) {
      if (member !== this.member && state.members[member] === undefined) await this.#fence(member)
    }
  }

  async #fence(member: string): Promise<void> {
    await this.#options.fence(member)
    this.#files.remove(member)
  }

  #follow(state: GroupState | undefined): void {
    if (this.#ended) return
    if (state?.members[this.member] === undefined) this.#fail(memberFenced(this.#options.group))
    else this.#feed.tell(state)
  }

  #problem(error: unknown): unknown {
    return diskFailed(this.#files.directory, error, { job: this.#options.group })
  }

  #fail(error: unknown): void {
    if (this.#ended) return
    this.#end()
    this.assignments.error(error)
  }

  #end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#timer?.cancel()
    this.#heartbeat?.stop()
    if (this.#file !== undefined) {
      // The file is removed with its lock; if another process removed it already, it stays removed.
      try {
        this.#files.remove(this.member)
      } catch {
        // The next member that joins removes it: no process holds its lock.
      }
      this.#file.close()
    }
    // A change in progress holds the group's lock.
    this.#changing.finally(() => this.#files.close())
  }
}
