import type { Assignment, Membership } from '@millrace/core'

/** Whether a whole job is at its end, which only all of its containers know together. */
export class JobEnd {
  readonly #membership: Membership
  /** What this container was assigned when it reported last that it is at its end; undefined while it is not. */
  #reported: Assignment | undefined

  constructor(membership: Membership) {
    this.#membership = membership
  }

  /** This container has processed and committed what `assignment` gives it. Returns whether all have. */
  async reached(assignment: Assignment): Promise<boolean> {
    if (assignment.ended || assignment.members.length === 1) return true
    if (this.#reported !== assignment) {
      this.#reported = assignment
      await this.#membership.reportEnd(assignment, true)
    }
    return false
  }

  /** This container has found something again, and has not committed it. */
  async left(): Promise<void> {
    const reported = this.#reported
    this.#reported = undefined
    if (reported !== undefined) await this.#membership.reportEnd(reported, false)
  }
}
