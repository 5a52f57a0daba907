import { type Assignment, FencedError, type JobStatus, StateDamagedError } from '@millrace/core'
import type { Topology } from '@millrace/core/internal'
import { ReplaySubject, type Subscription } from 'rxjs'
import type { Task } from '../task/task.ts'
import type { ServedView } from '../views/served-view.ts'
import { commitTasks, type FailedApply } from './commit.ts'
import { COMMIT_INTERVAL_MS, type ContainerOptions } from './container-options.ts'
import { makeTasks } from './make-tasks.ts'
import { FlushedOutputs } from './outputs.ts'
import { RebuildBudget } from './rebuild-budget.ts'
import { openSession, type Session, whetherFenced } from './session.ts'
import { prepareTopics } from './topics.ts'
import { ContainerViews } from './view-parts.ts'

/** How long tasks process before I/O, queries and timers get their turn. */
const SLICE_MS = 5
/** How long a container without work sleeps at most. */
const IDLE_WAIT_MS = 1000
/** Changed state that forces an early commit, over all tasks: bounds memory and the size of a commit. */
const DIRTY_BYTES_MAX = 64 * 1024 * 1024
const STATUS_INTERVAL_MS = 250
/** Repartition topics lose what is committed this often; it bounds disk, not correctness. */
const PURGE_INTERVAL_MS = 5000

/**
 * One process's part of a job. Its loop, one step after the other: follow the assignment, give every task a slice, commit
 * when it is due. A commit that was frozen goes on beside the processing; everything else happens in the loop.
 */
export class RunningContainer {
  readonly status = new ReplaySubject<JobStatus>(1)
  readonly #options: ContainerOptions
  readonly #topology: Topology
  /** All of the job, by id; those that are this container's are among `#open`. */
  #tasks: ReadonlyMap<string, Task> = new Map()
  #open: readonly Task[] = []
  #session: Session | undefined
  #subscription: Subscription | undefined
  #assigned: Assignment | undefined
  /** The assignment that was followed last. */
  #followed: Assignment | undefined
  /** Opens tasks, one after the other, beside the loop. */
  #opening: Promise<void> | undefined
  /** Wakes the loop from its rest. */
  #rest = new AbortController()
  #stopping = false
  #phase: JobStatus['phase'] = 'restoring'
  #views: ContainerViews | undefined
  #committing: Promise<void> | undefined
  /** Stores that the last commit did not reach. */
  #behind: readonly FailedApply[] = []
  /** What failed beside the loop. */
  #failure: { readonly error: unknown } | undefined
  #nextCommitMs = 0
  #nextPurgeMs = 0
  readonly #rebuilds: RebuildBudget
  #statusTimer: { cancel(): void } | undefined

  constructor(options: ContainerOptions, topology: Topology) {
    this.#options = options
    this.#topology = topology
    this.#rebuilds = new RebuildBudget(topology.job, options.onNotice ?? (() => undefined))
  }

  get views(): readonly ServedView[] {
    return this.#views?.views ?? []
  }

  async open(): Promise<void> {
    const topics = await prepareTopics(this.#topology, this.#options.log)
    const tasks = makeTasks(this.#options, this.#topology, topics, () => this.#joined)
    this.#tasks = new Map(tasks.map((task) => [task.id, task]))
    this.#views = new ContainerViews(this.#topology, tasks)
    this.#reportRegularly()
    await this.#join()
    this.#phase = 'running'
    this.#report()
  }

  requestStop(): void {
    if (this.#phase === 'running') {
      this.#phase = 'stopping'
      this.#report()
    }
    this.#stopping = true
    this.#rest.abort()
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        try {
          await this.#runSession()
          break
        } catch (error) {
          const fenced = error instanceof FencedError ? error : await whetherFenced(this.#session)
          if (fenced === undefined || this.#stopping) throw error
          this.#options.onNotice?.(`${fenced.message}. This container joins again`)
          await this.#abandon()
          await this.#join()
        }
      }
      this.#phase = 'stopped'
    } catch (error) {
      this.#phase = 'failed'
      throw error
    }
  }

  async close(): Promise<void> {
    this.#statusTimer?.cancel()
    try {
      // Nobody should have to wait for what will not be committed, while this waits for what goes on beside the loop.
      await this.#session?.outputs.abort().catch(() => undefined)
      await this.#settle()
      this.#report()
      this.status.complete()
      this.#views?.close()
      for (const task of this.#open) await task.close()
      this.#open = []
    } finally {
      await this.#leave()
    }
  }

  async #runSession(): Promise<void> {
    this.#nextCommitMs = this.#nowMs + this.#commitIntervalMs
    while (!this.#stopping) {
      await this.#followAssignment()
      const worked = await this.#work()
      await this.#commitWhenDue()
      if (worked) await this.#options.env.timers.turn()
      else if (await this.#restOrEnd()) break
    }
    await this.#commitAll()
    await this.#opening
    await this.#commitAll()
    await this.#purge()
  }

  get #nowMs(): number {
    return this.#options.env.clock.monotonic()
  }

  get #commitIntervalMs(): number {
    return this.#options.commitIntervalMs ?? COMMIT_INTERVAL_MS
  }

  get #joined(): Session {
    if (this.#session === undefined) throw new Error('The container has not joined its job')
    return this.#session
  }

  /** Joins the job, and opens the tasks that it gets first. */
  async #join(): Promise<void> {
    const { log, guarantee, address = null, sessionTimeoutMs } = this.#options
    const session = await openSession({
      log,
      job: this.#topology.job,
      guarantee: guarantee ?? (log.capabilities.transactions ? 'exactly-once' : 'at-least-once'),
      tasks: [...this.#tasks.keys()],
      address,
      sessionTimeoutMs,
    })
    this.#session = session
    const first = Promise.withResolvers<void>()
    this.#subscription = session.membership.assignments.subscribe({
      next: (assignment) => {
        this.#assigned = assignment
        this.#rest.abort()
        first.resolve()
      },
      error: (error: unknown) => {
        this.#fail(error)
        first.resolve()
      },
    })
    await first.promise
    await this.#followAssignment()
    await this.#opening
    this.#throwFailure()
  }

  /** Gives up what this container no longer has, once it is committed; then opens what it has got. */
  async #followAssignment(): Promise<void> {
    this.#throwFailure()
    const assignment = this.#assigned
    // While tasks are being restored the loop must go on: a restore may wait for what others have not committed yet, theirs
    // for what we have not, and only who goes round commits.
    if (assignment === undefined || assignment === this.#followed || this.#opening !== undefined) return
    const given = new Set(assignment.tasks)
    const lost = this.#open.filter((task) => !given.has(task.id))
    if (lost.length > 0) {
      await this.#commitAll()
      for (const task of lost) {
        this.#views?.closing(task)
        await task.close()
      }
      this.#open = this.#open.filter((task) => given.has(task.id))
    }
    await this.#joined.membership.release(assignment)
    this.#followed = assignment
    const had = new Set(this.#open)
    const gained = [...this.#tasks.values()].filter((task) => given.has(task.id) && !had.has(task))
    if (gained.length > 0) this.#opening = this.#openTasks(gained)
  }

  async #openTasks(tasks: readonly Task[]): Promise<void> {
    try {
      for (const task of tasks) {
        await this.#openTask(task, () => task.open())
        if (this.#options.untilEnd === true) task.limitToEnd()
        this.#open = [...this.#open, task]
        this.#views?.opened(task)
      }
    } catch (error) {
      this.#fail(error)
    }
    this.#opening = undefined
    this.#rest.abort()
  }

  /** Lets go of everything without committing: others have it. */
  async #abandon(): Promise<void> {
    await this.#settle()
    for (const task of this.#open) {
      this.#views?.closing(task)
      await task.close()
    }
    this.#open = []
    await this.#leave().catch(() => undefined)
    this.#failure = undefined
    this.#behind = []
  }

  async #leave(): Promise<void> {
    this.#subscription?.unsubscribe()
    this.#assigned = undefined
    this.#followed = undefined
    const session = this.#session
    this.#session = undefined
    await session?.close()
  }

  /** Waits for what goes on beside the loop: it uses what is about to be closed. */
  async #settle(): Promise<void> {
    await this.#opening
    await this.#committing
  }

  /** Gives every task a slice; says whether any had something to do. */
  async #work(): Promise<boolean> {
    const { outputs } = this.#joined
    let records = 0
    let untilMs = this.#nowMs + SLICE_MS
    for (const task of this.#open) {
      if (outputs.backlogged) await outputs.flush()
      try {
        records += task.runSlice(untilMs)
      } catch (error) {
        if (!(error instanceof StateDamagedError)) throw error
        await this.#committing
        await this.#goBack([...this.#behind, { task, error }])
        return true
      }
      if (this.#nowMs < untilMs) continue
      // However many tasks there are, nobody else waits for more than one slice.
      await this.#options.env.timers.turn()
      untilMs = this.#nowMs + SLICE_MS
    }
    return records > 0
  }

  /** Waits for something to do; true where there will be nothing more. */
  async #restOrEnd(): Promise<boolean> {
    const held = this.#open.flatMap((task) => task.held ?? [])
    if (held.length > 0) {
      await Promise.all(held)
      return false
    }
    for (const task of this.#open) task.checkIdle(this.#nowMs)
    if (this.#options.untilEnd === true && this.#opening === undefined) {
      if (this.#committing !== undefined || this.#open.some((task) => task.dirty)) {
        await this.#commitAll()
        return false
      }
      if (this.#open.every((task) => task.atEnd)) return this.#assigned === this.#followed
    }
    const dirty = this.#open.some((task) => task.dirty)
    // A commit that is due, while the one before is on its way, is made when that one wakes us. Going round without
    // waiting would starve the I/O that it waits for.
    const waitMs = dirty && this.#committing === undefined ? this.#nextCommitMs - this.#nowMs : IDLE_WAIT_MS
    if (waitMs > 0) await this.#joined.reader.wait(waitMs, this.#rest.signal)
    if (this.#rest.signal.aborted) this.#rest = new AbortController()
    return false
  }

  async #commitWhenDue(): Promise<void> {
    await this.#throwOrGoBack()
    const now = this.#nowMs
    let dirtyBytes = 0
    for (const task of this.#open) dirtyBytes += task.dirtyBytes
    if (dirtyBytes >= DIRTY_BYTES_MAX) await this.#commitAll()
    else if (now >= this.#nextCommitMs && this.#committing === undefined) this.#startCommit()
    if (now >= this.#nextPurgeMs) await this.#purge()
  }

  async #purge(): Promise<void> {
    this.#nextPurgeMs = this.#nowMs + PURGE_INTERVAL_MS
    for (const task of this.#open) await task.purgeInputs()
  }

  /** Commits everything that was processed, and waits for it. */
  async #commitAll(): Promise<void> {
    await this.#committing
    await this.#throwOrGoBack()
    await Promise.all(this.#open.map((task) => task.held))
    this.#startCommit()
    await this.#committing
    await this.#throwOrGoBack()
  }

  /** Freezes all tasks at one moment and lets the rest of the commit go on beside the processing. */
  #startCommit(): void {
    // A held task is in the middle of a record: what it has appended for that would be committed without it.
    if (this.#open.some((task) => task.held !== undefined)) return
    this.#nextCommitMs = this.#nowMs + this.#commitIntervalMs
    const due = this.#open.filter((task) => task.dirty)
    if (due.length === 0) return
    this.#committing = commitTasks(this.#joined.outputs, due, (commit) => this.#views?.committed(commit))
      .then(
        (failed) => {
          this.#behind = failed
          if (failed.length === 0) this.#rebuilds.renew()
        },
        (error: unknown) => this.#fail(error),
      )
      .finally(() => {
        this.#committing = undefined
        this.#rest.abort()
      })
  }

  async #throwOrGoBack(): Promise<void> {
    this.#throwFailure()
    if (this.#behind.length > 0) await this.#goBack(this.#behind)
  }

  /**
   * Goes back to the last commit, since some stores cannot be trusted: they are opened again from their changelog. What the
   * others have appended since then stands in the same transaction, and is given up with it.
   */
  async #goBack(failed: readonly FailedApply[]): Promise<void> {
    this.#behind = []
    this.#rebuilds.spend(failed)
    await Promise.all(this.#open.map((task) => task.held))
    const { outputs } = this.#joined
    await outputs.abort()
    await this.#opening
    const tasks = outputs instanceof FlushedOutputs ? failed.map(({ task }) => task) : this.#open
    for (const task of tasks) {
      this.#views?.closing(task)
      await this.#openTask(task, () => task.reopen())
      this.#views?.opened(task)
    }
  }

  /** Opens a task, again where its store fails meanwhile: it is a cache, and is repaired without a person. */
  async #openTask(task: Task, open: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await open()
        return
      } catch (error) {
        if (!(error instanceof StateDamagedError)) throw error
        this.#rebuilds.spend([{ task, error }])
        await task.close()
      }
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#rest.abort()
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error
  }

  #reportRegularly(): void {
    this.#report()
    this.#statusTimer = this.#options.env.timers.after(STATUS_INTERVAL_MS, () => this.#reportRegularly())
  }

  #report(): void {
    const { job } = this.#topology
    const tasks = this.#open.map((task) => task.status())
    this.status.next({ job, phase: this.#phase, atMs: this.#nowMs, tasks })
  }
}
