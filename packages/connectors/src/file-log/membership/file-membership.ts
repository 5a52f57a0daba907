import type { Assignment, Env, Heartbeat, JoinOptions, Membership, Timer, TransactionalWriter } from '@millrace/core'
import { checkName } from '@millrace/core/internal'
import {
  EMPTY_GROUP,
  type GroupState,
  isMember,
  joined,
  loadsReported,
  released,
  reported,
  standbysReported,
  withLost,
  withoutMembers,
} from '../../membership/group-state.ts'
import { MemberFeed, memberFenced } from '../../membership/member-feed.ts'
import { diskFailed } from '../errors.ts'
import { GroupFiles } from './group-files.ts'
import { BEAT_INTERVAL_MS, LifeSigns } from './life-signs.ts'
import { LostMembers } from './lost-members.ts'
import type { MemberFile } from './member-file.ts'

const SESSION_TIMEOUT_MS = 10_000

/** What a group needs from the log that it belongs to. */
export interface GroupOptions extends JoinOptions {
  readonly env: Env
  /** The data directory. */
  readonly data: string
  readonly group: string
  /**
   * Makes sure that a member that is dead, or counts as dead, can write nothing more, and ends what it left open. Several
   * processes may do it at once, and one may go on with what another began.
   */
  readonly fence: (member: string) => Promise<void>
  /** Opens the transactional writer of a member. */
  readonly openWriter: (member: string) => Promise<TransactionalWriter>
  /** Whether a member has written something that only its writer, or a fence, can end. */
  readonly needsFence: (member: string) => boolean
  /** Throws `JOB_RUNNING` if another process has claimed the name for itself alone. */
  readonly checkUnclaimed: () => void
}

/**
 * Membership by files. The kernel knows which members live: each holds a lock on its file. A heartbeat shows which process is
 * only stopped. No member leads, and a change of the group takes no lock: it publishes a new version of the group's state. The
 * member that the change concerns makes it, or the first one that notices. So a process that is stopped at any instruction
 * does not block the group.
 *
 * A member that counts as dead is first marked as lost. From then on, it gives itself up if it runs. Then it is fenced, and
 * only then removed, and its tasks go to others. If the process that does this is stopped, the others go on with it.
 */
export class FileMembership implements Membership {
  readonly member: string
  readonly #options: GroupOptions
  readonly #files: GroupFiles
  readonly #feed: MemberFeed
  readonly #signs: LifeSigns
  readonly #lost = new LostMembers()
  readonly #sessionTimeoutMs: number
  #file: MemberFile | undefined
  #heartbeat: Heartbeat | undefined
  #timer: Timer | undefined
  #changing: Promise<unknown> = Promise.resolve()
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
    if (this.#feed.mustRelease)
      await this.#change((state) => released(state, this.member, (task) => this.#feed.keeps(assignment, task)))
  }

  async reportEnd({ generation }: Assignment, atEnd: boolean): Promise<void> {
    await this.#change((state) => reported(state, this.member, generation, atEnd))
  }

  async reportStandbys({ generation }: Assignment, ready: readonly string[]): Promise<void> {
    await this.#change((state) => standbysReported(state, this.member, generation, ready))
  }

  async reportLoads(loads: ReadonlyMap<string, number>): Promise<void> {
    await this.#change((state) => loadsReported(state, this.member, loads))
  }

  async openWriter(): Promise<TransactionalWriter> {
    const writer = await this.#options.openWriter(this.member)
    // A process that marks this member as lost from here on also fences the writer; one that did so before found no writer.
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
    const { env, checkUnclaimed } = this.#options
    try {
      checkUnclaimed()
      // The heartbeat must run before the others can wait for its first beat.
      const failed = (error: unknown) => this.#fail(this.#problem(error))
      this.#heartbeat = await env.heartbeats.start(this.#files.pathOf(this.member), BEAT_INTERVAL_MS, failed)
      this.#file = this.#files.enter(this.member)
      const state = await this.#join()
      this.#file.joined()
      // A process that claims the name from here on finds this member.
      await this.#leaveIfClaimed()
      this.#feed.update(state)
    } catch (error) {
      this.#end()
      throw error
    }
    this.#lookLater()
  }

  async #join(): Promise<GroupState> {
    for (;;) {
      // In this order: a process that has joined when its file is seen is named in the state that is read after that.
      const files = this.#files.members()
      const { number, state: found = EMPTY_GROUP } = this.#files.read()
      await this.#fenceUnnamed(files, found)
      const gone = [...lostIn(found), ...this.#goneIn(found)]
      if (gone.length > 0) {
        // A description of theirs must not keep this member out.
        await this.#mark(gone)
        await this.#remove(gone)
        continue
      }
      const state = joined(found, this.#options.group, this.member, this.#options)
      if (await this.#files.publish(number, state, this.member)) return state
    }
  }

  async #leaveIfClaimed(): Promise<void> {
    try {
      this.#options.checkUnclaimed()
    } catch (error) {
      await this.#update((state) => withoutMembers(state, [this.member]))
      throw error
    }
  }

  async #leave(): Promise<void> {
    if (this.#ended) return
    this.#timer?.cancel()
    try {
      // A writer that failed has left open what it could not end: the process that finds this member dead ends it, as after a
      // crash.
      if (!this.#options.needsFence(this.member)) await this.#change((state) => withoutMembers(state, [this.member]))
    } finally {
      this.#end()
      this.assignments.complete()
    }
  }

  /** Changes the group, unless it continues without this member. The change may be made more than once. */
  async #change(change: (state: GroupState) => GroupState): Promise<void> {
    const state = await this.#update((found) => (isMember(found, this.member) ? change(found) : found))
    if (this.#leaving === undefined) this.#follow(state)
  }

  /**
   * Makes a change to the newest state, again to each newer one until it is published; returns the result. This member's
   * changes are made one after the other.
   */
  async #update(change: (state: GroupState) => GroupState): Promise<GroupState | undefined> {
    const done = this.#changing.then(async () => {
      for (;;) {
        if (this.#ended) return undefined
        const { number, state } = this.#files.read()
        const next = state && change(state)
        if (next === undefined || next === state) return next
        if (await this.#files.publish(number, next, this.member)) return next
      }
    })
    this.#changing = done.catch(() => undefined)
    try {
      return await done
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
      const { state } = this.#files.read()
      this.#follow(state !== undefined && this.#feed.isPast(state) ? undefined : state)
      if (this.#ended || state === undefined) return
      const gone = this.#goneIn(state)
      const overdue = this.#lost.overdue(lostIn(state))
      if (gone.length + overdue.length > 0) this.#fenceSoon(gone, overdue)
    } catch (error) {
      this.#fail(this.#problem(error))
    }
  }

  #fenceSoon(gone: readonly string[], overdue: readonly string[]): void {
    const fenced = this.#lost.whileFencing([...gone, ...overdue], async () => {
      const marked = await this.#mark(gone)
      await this.#remove([...marked, ...overdue])
    })
    fenced.catch((error: unknown) => this.#fail(this.#problem(error)))
  }

  /** Marks members as lost; returns those that no other process had marked before. */
  async #mark(gone: readonly string[]): Promise<readonly string[]> {
    let marked: readonly string[] = []
    await this.#update((state) => {
      marked = gone.filter((member) => isMember(state, member))
      return withLost(state, gone)
    })
    return marked
  }

  /** Fences members that are marked as lost, and removes them from the group. */
  async #remove(lost: readonly string[]): Promise<void> {
    if (lost.length === 0) return
    for (const member of lost) await this.#fence(member)
    await this.#update((state) => withoutMembers(state, lost))
  }

  #goneIn(state: GroupState): string[] {
    const others = Object.keys(state.members).filter((member) => member !== this.member && isMember(state, member))
    const { gone, busy } = this.#signs.look(others)
    for (const member of busy) this.#noticeBusy(member)
    return [...gone]
  }

  /** A member in a long call keeps its tasks: other members would reach the same record, and be stuck in the same call. */
  #noticeBusy(member: string): void {
    const { group, onNotice } = this.#options
    const process = this.#files.signOf(member)?.process
    if (process === undefined) return
    onNotice?.(
      `Process ${process} of job ${group} runs, and has not returned from a callback for ${this.#sessionTimeoutMs} ms. ` +
        `Its tasks wait for it. If it hangs, end it (kill -9 ${process}), and other processes take its tasks`,
    )
  }

  /**
   * Fences every process that has a member's file, and that the group does not name although it was a member: it belongs to a
   * group whose state was lost, and may still have tasks. Removes the files of those that died before they joined.
   */
  async #fenceUnnamed(files: readonly string[], state: GroupState): Promise<void> {
    for (const member of files) {
      if (member === this.member || state.members[member] !== undefined) continue
      const found = this.#files.unnamed(member)
      if (found === 'former') await this.#fence(member)
      else if (found === 'dead') this.#files.remove(member)
    }
  }

  async #fence(member: string): Promise<void> {
    await this.#options.fence(member)
    this.#files.remove(member)
  }

  #follow(state: GroupState | undefined): void {
    if (this.#ended) return
    if (state === undefined || !isMember(state, this.member)) this.#fail(memberFenced(this.#options.group))
    else this.#feed.update(state)
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
    if (this.#file === undefined) return
    // The file is removed with its lock; if another process removed it already, it stays removed.
    try {
      this.#files.remove(this.member)
    } catch {
      // The next member that joins removes it: no process holds its lock.
    }
    this.#file.close()
  }
}

function lostIn(state: GroupState): string[] {
  return Object.keys(state.members).filter((member) => !isMember(state, member))
}
