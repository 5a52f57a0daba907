import type { Assignment, Clock, Membership } from '@millrace/core'

/**
 * How long a container must have found nothing before it reports that. While others work, it gets more records at each of
 * their commits, and each report is a change of the group, on disk.
 */
const QUIET_MS = 250

/** Whether a whole job is at its end, which only all of its containers together can decide. */
export class JobEnd {
  readonly #membership: Membership
  readonly #clock: Clock
  /** Since when this container has found nothing, monotonic ms. */
  #quietSinceMs: number | undefined
  /** What this container was assigned when it last reported that it is at its end; undefined while it is not. */
  #reported: Assignment | undefined

  constructor(membership: Membership, clock: Clock) {
    this.#membership = membership
    this.#clock = clock
  }

  /** To be called while this container has nothing to do and has committed everything. Returns whether the whole job is at its end. */
  async reached(assignment: Assignment): Promise<boolean> {
    if (assignment.ended || assignment.members.length === 1) return true
    const nowMs = this.#clock.monotonic()
    this.#quietSinceMs ??= nowMs
    if (this.#reported !== assignment && nowMs - this.#quietSinceMs >= QUIET_MS) {
      this.#reported = assignment
      await this.#membership.reportEnd(assignment, true)
    }
    return false
  }

  /** This container has found something again, and has not committed it. */
  async left(): Promise<void> {
    const reported = this.#reported
    this.#quietSinceMs = undefined
    this.#reported = undefined
    if (reported !== undefined) await this.#membership.reportEnd(reported, false)
  }
}
