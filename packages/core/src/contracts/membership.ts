import type { Observable } from 'rxjs'
import type { TransactionalWriter } from './writers.ts'

/** How a container joins the group that runs a job. */
export interface JoinOptions {
  /** All tasks of what the member runs, the same for every member that runs it, in a fixed order. */
  readonly tasks: readonly string[]
  /**
   * What the member runs, in short. All members of one group that have tasks have the same, and the same tasks. `join` throws
   * `JOB_CHANGED` if the others run something else, unless the member is an `upgrade`. A member that finds the group empty sets
   * its own.
   */
  readonly description: string
  /**
   * Whether the member may replace members that run something else. It then waits as a member without tasks
   * (`Assignment.waits`), while the others go on and may be joined by members that run the same. When the last of them has left,
   * or is fenced, the group changes to what the waiting members run, in one step. All members that wait at one time run the
   * same: `join` throws `JOB_CHANGED` for others. Default false.
   */
  readonly upgrade?: boolean
  /** Where the member answers the other members: `http://127.0.0.1:4711` or `unix:/path/of/its.sock`; null if nowhere. */
  readonly address: string | null
  /**
   * Whether the member leaves when the whole group has processed what there is: see `Membership.reportEnd`. Default false: it
   * continues, and the others do not wait for it.
   */
  readonly untilEnd?: boolean
  /**
   * How many standbys the member wants for each task; it then keeps standbys itself, too. The group keeps as many as the member
   * that wants most, if there are enough other members that keep standbys. Default 0: none, and it keeps none.
   */
  readonly standbys?: number
  /**
   * A member whose process gave no sign of life for this long counts as dead, though it may only be stopped. A member that
   * runs and is busy does not count as dead, however long a callback holds its thread: the others wait for it. Default
   * 10 000. A log that can see that a process is dead does not wait for this time; one that cannot notices a death by it alone.
   */
  readonly sessionTimeoutMs?: number
  /**
   * Called with what the user should know about other members, one line each: a member that has been busy for the session's
   * time-out.
   */
  readonly onNotice?: (message: string) => void
}

/**
 * One process's place in a group whose members share tasks. The group decides which member runs what. Each member gets its
 * own part, and gives up a task that it loses before another member gets it:
 *
 * 1. An assignment leaves out a task that the member has. The member commits, closes the task, and calls `release`.
 * 2. Only then does an assignment give the task to its next owner. If the former owner is dead, its writer is fenced and what
 *    it left is finished first. The former owner can then write nothing more, even if it does not know this yet.
 *
 * If members keep standbys of tasks (`JoinOptions.standbys`), a task whose owner dies or leaves goes to a member that has
 * reported its standby as ready, and a task moves to another member only once that has done so. A member keeps a standby until
 * an assignment leaves it out; if that gives it the task instead, the standby becomes the task's.
 *
 * No member waits for one that is stopped, at whatever instruction that is, for longer than the session's time-out and what a
 * log states for what remains: a lock that a stopped process may hold must not be needed for a change of the group.
 *
 * With Kafka's group protocol these are the two rounds of a cooperative rebalance (KIP-429), and the generation is the
 * group's.
 */
export interface Membership {
  /** Unique among all members that the group has had; a name. */
  readonly member: string
  /**
   * What this member runs: the present assignment at once, to late subscribers too, then every later one. Fails with
   * `MEMBER_FENCED` when the group has continued without this member. The member must then stop working, and may join again.
   */
  readonly assignments: Observable<Assignment>
  /**
   * Reports that everything that `assignment` does not give to this member is committed and closed. Required for every
   * assignment that the member follows, in order. A task stays the member's own if a later assignment, delivered before the
   * call, gave it to the member again.
   */
  release(assignment: Assignment): Promise<void>
  /**
   * Opens the member's transactional writer, once. The writer is fenced with the member: before a task of a member that is
   * dead, or counts as dead, gets another owner, the dead member's writer can write nothing more, and what it left is ended.
   * Throws `MEMBER_FENCED` if the group has continued without the member.
   */
  openWriter(): Promise<TransactionalWriter>
  /**
   * Reports whether everything that `assignment` gives to this member is processed and committed. The member must have
   * followed and released this assignment. A member that runs until the end reports true for each assignment that is not
   * `ended`. It reports false as soon as it finds something again, before it commits that. It has found nothing if it has
   * read up to an end that was looked up after the assignment came.
   *
   * When all such members have reported true, and each has looked and reported true once more after that, nothing is on its
   * way from one member to another, and the next assignment is `ended`.
   */
  reportEnd(assignment: Assignment, atEnd: boolean): Promise<void>
  /**
   * Reports which of the standbys that `assignment` gives to this member are ready: all of those that have caught up, and
   * follow. The member must have followed and released this assignment. A standby that is not in the list counts as not ready:
   * it has just begun, or has failed.
   */
  reportStandbys(assignment: Assignment, ready: readonly string[]): Promise<void>
  /**
   * Reports what share of this member's thread each of its tasks takes, in hundredths, measured over some seconds. The group spreads
   * tasks by their loads once it knows those of all tasks, and they differ much: a task moves only if that takes much off a member.
   * The load of a task that the member no longer has is ignored.
   */
  reportLoads(loads: ReadonlyMap<string, number>): Promise<void>
  /** Gives up everything, which must be committed and closed, and ends. A second call, or a call once fenced, is not an error. */
  leave(): Promise<void>
}

/** Which member of a group has which tasks, as of one change of the group. */
export interface Assignment {
  /** Grows with every assignment of the group. */
  readonly generation: number
  /** The tasks that this member has now. */
  readonly tasks: readonly string[]
  /** The tasks of which this member keeps a standby; none of them is in `tasks`. */
  readonly standbys: readonly string[]
  /** Which member has which tasks, this member included: to find the one that answers for a task. */
  readonly members: readonly GroupMember[]
  /**
   * Whether a member that runs until the end may leave. Either all such members have processed everything, or this one has,
   * and members that run without an end will take its tasks. While members leave one after the other for the first reason, no
   * task moves.
   */
  readonly ended: boolean
  /**
   * Whether the member waits for members that run something else: see `JoinOptions.upgrade`. Until an assignment does not say
   * so, the member has no tasks, and changes nothing that the others use. Once it has not, it is never true again.
   */
  readonly waits: boolean
}

/** A member of a group: its name, where it answers (null if nowhere: see `JoinOptions.address`), and its tasks. */
export interface GroupMember {
  readonly member: string
  readonly address: string | null
  readonly tasks: readonly string[]
  /** The tasks of which it has a standby that is ready; absent if there are none. */
  readonly standbys?: readonly string[]
}
