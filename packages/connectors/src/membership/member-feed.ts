import { type Assignment, FencedError } from '@millrace/core'
import { ReplaySubject } from 'rxjs'
import { assignmentOf, type GroupState } from './group-state.ts'

/** The assignments that one member has received, and so which tasks it may have open. */
export class MemberFeed {
  readonly assignments = new ReplaySubject<Assignment>(1)
  readonly #member: string
  /** The generation in which the member last received each task. */
  readonly #given = new Map<string, number>()
  #generation = -1
  #mustRelease = false

  constructor(member: string) {
    this.#member = member
  }

  /** Gives the member the state of its group; a state that it already received is not repeated. */
  update(state: GroupState): void {
    if (state.generation <= this.#generation) return
    this.#generation = state.generation
    this.#mustRelease = Object.values(state.tasks).some(
      ({ owner, next }) => owner === this.#member && next !== undefined,
    )
    const assignment = assignmentOf(state, this.#member)
    for (const task of assignment.tasks) this.#given.set(task, state.generation)
    this.assignments.next(assignment)
  }

  /** Whether the member has already received a later state: then this one is that of another group. */
  isPast(state: GroupState): boolean {
    return state.generation < this.#generation
  }

  /** Whether the member has to release something according to its last assignment. */
  get mustRelease(): boolean {
    return this.#mustRelease
  }

  /**
   * Whether a member that releases `assignment` may still have a task open: the task is in that assignment, or in a later
   * one.
   */
  keeps(assignment: Assignment, task: string): boolean {
    return assignment.tasks.includes(task) || (this.#given.get(task) ?? -1) > assignment.generation
  }
}

export function memberFenced(group: string): FencedError {
  return new FencedError(
    'MEMBER_FENCED',
    `Job ${group} continued without this process, which showed no sign of life for too long, or whose group file was ` +
      'deleted. Other processes have its tasks',
    { job: group },
  )
}
