import type { Assignment, Clock, Membership } from '@millrace/core'

/** Over how long the loads of tasks are measured before they are reported. */
const LOAD_WINDOW_MS = 10_000

/** Measures how much of the container's thread each task takes, and reports it to the group, which spreads tasks by it. */
export class TaskLoads {
  readonly #clock: Clock
  readonly #usedMs = new Map<string, number>()
  #measured: Assignment | undefined
  #sinceMs = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** A task has processed for that long. */
  add(task: string, ms: number): void {
    this.#usedMs.set(task, (this.#usedMs.get(task) ?? 0) + ms)
  }

  /** Reports what was measured, if the assignment has been the same for long enough. */
  async report(membership: Membership, followed: Assignment | undefined): Promise<void> {
    const nowMs = this.#clock.monotonic()
    if (followed !== this.#measured) {
      if (!hasSameTasks(followed, this.#measured)) this.#begin(nowMs)
      this.#measured = followed
    }
    const tookMs = nowMs - this.#sinceMs
    if (followed === undefined || tookMs < LOAD_WINDOW_MS) return
    const share = (task: string) => Math.round((100 * (this.#usedMs.get(task) ?? 0)) / tookMs)
    const loads = new Map(followed.tasks.map((task) => [task, share(task)]))
    this.#begin(nowMs)
    // If the group goes on without this member, its assignments fail. After any other failure the next report repeats what counts.
    await membership.reportLoads(loads).catch(() => undefined)
  }

  #begin(nowMs: number): void {
    this.#usedMs.clear()
    this.#sinceMs = nowMs
  }
}

function hasSameTasks(a: Assignment | undefined, b: Assignment | undefined): boolean {
  if (a === undefined || b === undefined) return false
  return a.tasks.length === b.tasks.length && a.tasks.every((task) => b.tasks.includes(task))
}
