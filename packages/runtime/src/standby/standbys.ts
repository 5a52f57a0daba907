import type { Assignment, Clock, JobStatus, Membership } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import type { ContainerOptions } from '../container/container-options.ts'
import type { LocalState } from '../task/open-local-state.ts'
import type { Task } from '../task/task.ts'
import { Standby } from './standby.ts'
import { StandbyTurns } from './standby-turns.ts'

/** A report of standbys that failed is made again after this time. */
const REPORT_RETRY_MS = 1000

/** The standbys that a container keeps. */
export class Standbys {
  readonly #clock: Clock
  readonly #turns: StandbyTurns
  /** Whether another process may have a better copy of a task's state in the same directory. */
  readonly #isShared: boolean
  readonly #tasks: readonly Task[]
  readonly #changed: () => void
  readonly #standbys = new Map<string, Standby>()
  /** Those that end beside the container's work. */
  readonly #ending = new Set<Promise<void>>()
  /** The assignment that was followed last. */
  #followed: Assignment | undefined
  /** Whether what was reported last may not be true any more. */
  #isNews = false
  #reportFromMs = 0

  /** `tasks`: all tasks of the job. `changed` is called when there is something to report. */
  constructor({ env, log }: ContainerOptions, tasks: readonly Task[], changed: () => void) {
    const { clock, timers } = env
    this.#clock = clock
    this.#isShared = log.capabilities.local
    this.#turns = new StandbyTurns(clock, timers)
    this.#tasks = tasks
    this.#changed = changed
  }

  status(): Pick<JobStatus, 'standbys'> {
    if (this.#standbys.size === 0) return {}
    return { standbys: Array.from(this.#standbys.values(), (standby) => standby.status()) }
  }

  /** Begins the standbys of an assignment that are new, and deletes those that it leaves out and does not make tasks. */
  follow(assignment: Assignment, catalog: Catalog): void {
    const { tasks, standbys } = assignment
    for (const [task, standby] of this.#standbys) {
      if (standbys.includes(task) || tasks.includes(task)) continue
      this.#standbys.delete(task)
      this.#endBeside(standby.drop())
    }
    for (const { id, spec } of this.#tasks) {
      if (!standbys.includes(id) || this.#standbys.has(id)) continue
      const changed = () => {
        this.#isNews = true
        this.#changed()
      }
      const use = this.#isShared && !this.#hasOwnCopy(id, assignment) ? 'standby beside the task' : 'standby'
      this.#standbys.set(id, new Standby({ spec, catalog, turns: this.#turns, use, changed }))
    }
    this.#followed = assignment
    // A member whose standby was taken away and given back since the last report begins it again.
    this.#isNews = true
  }

  /** Whether a task can be taken over by its standby. */
  isReady(task: string): boolean {
    return this.#standbys.get(task)?.ready === true
  }

  /** The state of a task's standby, to be read; undefined if it is not ready. */
  stateOf(task: string): TaskState | undefined {
    return this.#standbys.get(task)?.readable
  }

  /**
   * Ends a task's standby; returns its state if the task can be opened with that. A standby that has not caught up is not used if
   * the state of the task's former owner may be in the same directory: that is closer to the end.
   */
  async take(task: string): Promise<LocalState | undefined> {
    const standby = this.#standbys.get(task)
    this.#standbys.delete(task)
    if (standby === undefined || standby.ready || !this.#isShared) return standby?.take()
    const closed = standby.close()
    // Its copy may be the best that is not held, if a stopped process holds that of the former owner. A copy whose files are still
    // being checked is not waited for: that may take as long as the check of the other one.
    if (standby.isOpen) await closed
    else this.#endBeside(closed)
    return undefined
  }

  /** Reports to the group which standbys are ready, if that is new. */
  async report(membership: Membership, followed: Assignment | undefined): Promise<void> {
    if (followed === undefined || followed.standbys.length === 0 || !this.#isNews) return
    if (this.#clock.monotonic() < this.#reportFromMs) return
    this.#isNews = false
    const ready = followed.standbys.filter((task) => this.isReady(task))
    try {
      await membership.reportStandbys(followed, ready)
    } catch {
      // If the group goes on without this member, its assignments fail. Any other failure concerns standbys only.
      this.#isNews = true
      this.#reportFromMs = this.#clock.monotonic() + REPORT_RETRY_MS
    }
  }

  /** Ends all standbys, and keeps their files. */
  async close(): Promise<void> {
    this.#followed = undefined
    const standbys = [...this.#standbys.values()]
    this.#standbys.clear()
    await Promise.all([...standbys.map((standby) => standby.close()), ...this.#ending])
  }

  /** Whether the owner of a task got it with a standby: then it does not open what the owner before it has left. */
  #hasOwnCopy(task: string, { members }: Assignment): boolean {
    const owner = members.find(({ tasks }) => tasks.includes(task))?.member
    const before = this.#followed?.members.find(({ member }) => member === owner)
    return before?.standbys?.includes(task) === true
  }

  #endBeside(ending: Promise<void>): void {
    const ended = ending.finally(() => this.#ending.delete(ended))
    this.#ending.add(ended)
  }
}
