import type { Observable } from 'rxjs'
import type { TransactionalWriter } from './writers.ts'

/** How a container joins the group that runs a job. */
export interface JoinOptions {
  /** All tasks of the group, the same for every member, in a fixed order. */
  readonly tasks: readonly string[]
  /**
   * What the members run, in short: members of one group at one time have the same. `join` throws `JOB_CHANGED` if others
   * have another one, or other tasks; a member that finds the group empty brings its own.
   */
  readonly description: string
  /** Where the member answers the other members: `http://127.0.0.1:4711` or `unix:/path/of/its.sock`; null where nowhere. */
  readonly address: string | null
  /**
   * Whether the member leaves when the whole group has processed what there is: see `Membership.reportEnd`. Default false: it goes on,
   * and the others do not wait for it.
   */
  readonly untilEnd?: boolean
  /**
   * A member whose process gave no sign of life for so long is taken for gone, though it may only be stopped. One that runs
   * and is busy, however long a callback holds its thread, is no such member: the others wait for it. Default 10 000.
   */
  readonly sessionTimeoutMs?: number
  /** Told what the user should know of other members, one line each: one that has been busy for the session's time-out. */
  readonly onNotice?: (message: string) => void
}

/**
 * One process's place in a group whose members share tasks. Who runs what is the group's decision; each member learns its
 * own part, and gives up what it loses before another gets it:
 *
 * 1. An assignment leaves out a task that the member has. The member commits, closes the task, and calls `release`.
 * 2. Only then does an assignment give the task to its next owner. Where the former owner is gone, its writer
 *    is fenced and what it left is finished first: it can write nothing more, though it may believe otherwise.
 *
 * With Kafka's group protocol these are the two rounds of a cooperative rebalance (KIP-429), and the generation is the
 * group's.
 */
export interface Membership {
  /** Unique among all members that the group has had; a name. */
  readonly member: string
  /**
   * What this member runs: the present assignment at once, to late subscribers too, then every other one. Fails with
   * `MEMBER_FENCED` when the group went on without this member: it must stop working, and may join again.
   */
  readonly assignments: Observable<Assignment>
  /**
   * Says that whatever `assignment` does not give to this member is committed and closed. Owed for every assignment that is
   * followed, in order; a task that a later assignment, delivered before the call, gave to the member again stays its own.
   */
  release(assignment: Assignment): Promise<void>
  /**
   * Opens the member's transactional writer, once. It is fenced with the member: before a task of a member that is gone, or is taken
   * for gone, has another owner, its writer can write nothing more, and what it left is ended. Throws `MEMBER_FENCED` where the group has
   * gone on without the member.
   */
  openWriter(): Promise<TransactionalWriter>
  /**
   * Reports whether everything that `assignment` gives to this member, which has followed and released it, is processed and committed. A
   * member that runs until the end reports true for each assignment that is not `ended`, and false as soon as it finds something again,
   * before it commits that. It has found nothing if it has read up to an end that was looked up after the assignment came. When all of
   * them have reported true, and each has looked and reported true once more after that, nothing is on its way from one to another, and
   * the next assignment is `ended`.
   */
  reportEnd(assignment: Assignment, atEnd: boolean): Promise<void>
  /** Gives up everything, which is committed and closed, and ends. Calling it twice, or once fenced, is no error. */
  leave(): Promise<void>
}

export interface Assignment {
  /** Grows with every assignment of the group. */
  readonly generation: number
  /** The tasks that this member has now. */
  readonly tasks: readonly string[]
  /** Who has what, this member included: for finding the one that answers for a task. */
  readonly members: readonly GroupMember[]
  /**
   * Whether a member that runs until the end may leave: all such members have processed everything, or this one has and members that
   * go on without an end will take its tasks. While members leave one after the other for the first reason, no task moves.
   */
  readonly ended: boolean
}

export interface GroupMember {
  readonly member: string
  readonly address: string | null
  readonly tasks: readonly string[]
}
