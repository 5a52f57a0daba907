import { FencedError, type JobStatus, StateDamagedError } from '@millrace/core'
import { type Topology, toTopology } from '@millrace/core/internal'
import type { Observable } from 'rxjs'
import type { Catalog } from '../catalog/catalog.ts'
import { Standbys } from '../standby/standbys.ts'
import type { ServedView } from '../views/served-view.ts'
import { Assignments } from './assignments.ts'
import { CatchUp } from './catch-up.ts'
import type { FailedApply } from './commit.ts'
import { Commits } from './commits.ts'
import { COMMIT_INTERVAL_MS, type ContainerOptions, DIRTY_BYTES_MAX } from './container-options.ts'
import { JobProblems } from './job-problems.ts'
import { type Failure, LoopRest } from './loop-rest.ts'
import { makeTasks } from './make-tasks.ts'
import { OpenTasks } from './open-tasks.ts'
import { otherMembers } from './other-members.ts'
import { Purges } from './purges.ts'
import { RebuildBudget } from './rebuild-budget.ts'
import { requireOptions } from './require-options.ts'
import { fencingError, openSession, type Session } from './session.ts'
import { sessionOptions } from './session-options.ts'
import { restAfterSlice } from './slow-slice.ts'
import { StatusReports } from './status-reports.ts'
import { TaskLoads } from './task-loads.ts'
import type { JobTopics } from './topics.ts'
import { topicsOfJob } from './topics-of-job.ts'

/** How long tasks process before I/O, queries and timers get their turn. */
const SLICE_MS = 5
/** How long a container without work sleeps at most. */
const IDLE_WAIT_MS = 1000
/** How long a container that is at its end, while others are not, sleeps before it checks whether they have sent something. */
const END_REST_MS = 50

/**
 * One process's part of a job. Its loop does one step after the other: it follows the assignment, gives every task a slice,
 * and commits when a commit is due. A frozen commit runs while the tasks process; everything else happens in the loop.
 */
export class RunningContainer {
  readonly #options: ContainerOptions
  readonly #topology: Topology
  readonly #topics: JobTopics
  readonly #rebuilds: RebuildBudget
  readonly #tasks: OpenTasks
  readonly #standbys: Standbys
  readonly #commits: Commits
  readonly #problems: JobProblems
  readonly #reports: StatusReports
  readonly #purges: Purges
  readonly #loads: TaskLoads
  readonly #catchUp = new CatchUp(() => this.#reports.enter(this.#reports.phase))
  #session: Session | undefined
  #catalog: Catalog | undefined
  readonly #assignments = new Assignments()
  readonly #rest: LoopRest
  readonly #stop = new AbortController()

  private constructor(options: ContainerOptions, topology: Topology, topics: JobTopics) {
    const { env, commitIntervalMs = COMMIT_INTERVAL_MS, untilEnd = false, onNotice = () => undefined } = options
    this.#options = { ...options, signal: AbortSignal.any([this.#stop.signal, options.signal ?? this.#stop.signal]) }
    this.#topology = topology
    this.#topics = topics
    this.#rebuilds = new RebuildBudget(topology.job, onNotice)
    this.#problems = new JobProblems(options.log, onNotice)
    this.#reports = new StatusReports(env, () => ({
      job: topology.job,
      tasks: Array.from(this.#tasks, (task) => task.status()),
      ...this.#standbys.status(),
      problems: this.#problems.list,
    }))
    this.#rest = new LoopRest(env.timers)
    const wake = (failure?: Failure) => this.#rest.wake(failure)
    const tasks = makeTasks(options, topology, topics, wake)
    this.#standbys = new Standbys(options, tasks, wake)
    this.#tasks = new OpenTasks({
      topology,
      tasks,
      rebuilds: this.#rebuilds,
      catalog: () => this.#catalog,
      otherMembers: () => otherMembers(this.#assignments.newest, this.#session?.membership.member),
      standbys: this.#standbys,
      untilEnd,
      opened: wake,
    })
    this.#purges = new Purges(env.clock, this.#tasks)
    this.#loads = new TaskLoads(env.clock)
    this.#commits = new Commits({
      clock: env.clock,
      intervalMs: commitIntervalMs,
      rebuilds: this.#rebuilds,
      applied: (commit) => this.#tasks.committed(commit),
      ended: wake,
    })
  }

  /** Joins a job, and restores the tasks that it gets first. If that fails, it closes everything again and throws. */
  static async open(options: ContainerOptions): Promise<RunningContainer> {
    const topology = toTopology(options.job)
    requireOptions(options, topology)
    const container = new RunningContainer(options, topology, await topicsOfJob(options, topology))
    try {
      await container.#open()
    } catch (error) {
      await container.close()
      throw error
    }
    return container
  }

  get status(): Observable<JobStatus> {
    return this.#reports.status
  }

  get views(): readonly ServedView[] {
    return this.#tasks.views
  }

  /** See `Container.caughtUp`. */
  caughtUp(): Promise<void> {
    this.#rest.wake()
    return this.#catchUp.wait()
  }

  requestStop(): void {
    if (this.#reports.phase === 'running') this.#reports.enter('stopping')
    this.#stop.abort()
    this.#rest.wake()
  }

  async run(): Promise<void> {
    try {
      for (;;) {
        try {
          await this.#runSession()
          break
        } catch (error) {
          await this.#abandonIfFenced(error)
          // The processes that have its tasks now, or the next one to start, process again what it had not committed.
          if (this.#stop.signal.aborted) break
          await this.#join()
        }
      }
      this.#reports.leaveAs('stopped')
    } catch (error) {
      // It was stopped while it waited to join again.
      if (error === this.#stop.signal.reason) return this.#reports.leaveAs('stopped')
      this.#reports.leaveAs('failed')
      throw error
    }
  }

  async close(): Promise<void> {
    this.#reports.pause()
    this.#problems.close()
    try {
      // No process should have to wait for what will not be committed while this one waits for its background work.
      await this.#session?.outputs.abort().catch(() => undefined)
      await this.#settle()
      this.#reports.end()
      await this.#tasks.end()
    } finally {
      await this.#leave()
    }
  }

  async #open(): Promise<void> {
    this.#reports.begin()
    await this.#join()
    this.#reports.enter('running')
  }

  async #runSession(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#followAssignment()
      await this.#standbys.report(this.#joined.membership, this.#assignments.followed)
      await this.#loads.report(this.#joined.membership, this.#assignments.followed)
      for (const task of this.#tasks) task.checkIdle(this.#nowMs)
      const worked = await this.#work()
      await this.#commitWhenDue()
      if (worked) await this.#options.env.timers.turn()
      else if (await this.#restOrEnd()) break
    }
    await this.#tasks.giveUpOpening()
    await this.#commitAll()
    await this.#purges.now()
  }

  get #nowMs(): number {
    return this.#options.env.clock.monotonic()
  }

  get #joined(): Session {
    if (this.#session === undefined) throw new Error('The container has not joined its job')
    return this.#session
  }

  /** Joins the job, and opens the tasks that it gets first; joins again if the group went on without it meanwhile. */
  async #join(): Promise<void> {
    for (;;) {
      try {
        await this.#joinOnce()
        return
      } catch (error) {
        await this.#abandonIfFenced(error)
      }
    }
  }

  async #joinOnce(): Promise<void> {
    const { ids } = this.#tasks
    const options = sessionOptions(this.#options, this.#topology, this.#topics, ids, this.#assignments)
    const session = await openSession(options)
    this.#session = session
    this.#catalog = session.catalog
    const changed = () => this.#rest.wake()
    await this.#assignments.begin(session.membership, changed, (error) => {
      this.#rest.wake({ error })
      // Other members have these tasks: what a restore waits for may not come before this container gives them up.
      void this.#tasks.giveUpOpening()
    })
    await this.#followAssignment()
    await this.#tasks.opening
    this.#rest.throwFailure()
  }

  /** Gives up the tasks that this container no longer has, once they are committed; then opens the tasks that it has got. */
  async #followAssignment(): Promise<void> {
    this.#rest.throwFailure()
    const assignment = this.#assignments.newest
    // While tasks are being restored the loop must continue: a restore may wait for what other containers have not committed
    // yet, and their restores for what this one has not. Only a container whose loop runs commits.
    if (assignment === undefined || this.#assignments.areFollowed || this.#tasks.opening !== undefined) return
    const given = new Set(assignment.tasks)
    const lost = [...this.#tasks].filter((task) => !given.has(task.id))
    if (lost.length > 0) {
      await this.#commitAll()
      await this.#tasks.close(lost)
    }
    await this.#joined.membership.release(assignment)
    this.#assignments.follow(assignment)
    this.#standbys.follow(assignment, this.#joined.catalog)
    this.#tasks.beginOpening(this.#tasks.missing(given), this.#joined)
  }

  /** Gives everything up if the error is there because the group went on without this container; otherwise throws the error. */
  async #abandonIfFenced(error: unknown): Promise<void> {
    const fenced = error instanceof FencedError ? error : await fencingError(this.#session)
    if (fenced === undefined) throw error
    this.#options.onNotice?.(`${fenced.message}. This container ${this.#stop.signal.aborted ? 'stops' : 'joins again'}`)
    await this.#abandon()
  }

  /** Gives up everything without committing: others have it. */
  async #abandon(): Promise<void> {
    await this.#settle()
    await this.#tasks.close([...this.#tasks])
    await this.#leave().catch(() => undefined)
    this.#rest.forgetFailure()
    this.#commits.takeStaleStores()
  }

  async #leave(): Promise<void> {
    this.#assignments.end()
    const session = this.#session
    this.#session = undefined
    // The others do not wait for a standby that is still being opened.
    const ended = this.#standbys.close()
    await (session?.close() ?? ended).finally(() => ended)
  }

  /** Waits for the work beside the loop: it uses what is about to be closed. */
  async #settle(): Promise<void> {
    await this.#tasks.giveUpOpening()
    await this.#commits.underWay
  }

  /** Gives every task a slice; returns whether any had something to do. */
  async #work(): Promise<boolean> {
    const { outputs } = this.#joined
    let records = 0
    let beganMs = this.#nowMs
    let untilMs = beganMs + SLICE_MS
    for (const task of this.#tasks) {
      if (outputs.backlogged) {
        if ((await outputs.flush()) === 'commit') await this.#commitAll()
        beganMs = this.#nowMs
      }
      try {
        records += task.runSlice(untilMs)
      } catch (error) {
        if (!(error instanceof StateDamagedError)) throw error
        await this.#commits.underWay
        await this.#rollBack([...this.#commits.takeStaleStores(), { task, error }])
        return true
      }
      const nowMs = this.#nowMs
      this.#loads.add(task.id, nowMs - beganMs)
      beganMs = nowMs
      if (nowMs < untilMs) continue
      outputs.show()
      const restMs = restAfterSlice(this.#nowMs - untilMs)
      // However many tasks there are, other work waits for at most one slice.
      await this.#options.env.timers.turn()
      if (restMs !== undefined && (await this.#restBetweenSlices(restMs))) return true
      beganMs = this.#nowMs
      untilMs = beganMs + SLICE_MS
    }
    outputs.show()
    return records > 0
  }

  /** Rests after a slow slice. Returns whether there is an assignment to follow before the next one. */
  async #restBetweenSlices(restMs: number): Promise<boolean> {
    await this.#commits.underWay
    await this.#commitWhenDue()
    await new Promise<void>((resolve) => void this.#options.env.timers.after(restMs, resolve))
    await this.#commits.underWay
    return !this.#assignments.areFollowed && this.#tasks.opening === undefined
  }

  /** Waits for something to do; true if there will be nothing more. */
  async #restOrEnd(): Promise<boolean> {
    const { blocked } = this.#tasks
    if (blocked.length > 0) {
      await Promise.all(blocked)
      return false
    }
    const { dirty } = this.#tasks
    const committing = this.#commits.underWay !== undefined
    const isQuiet = () => !dirty && !committing && this.#assignments.areFollowed && this.#tasks.atEnds
    if (this.#catchUp.mustGoRound(isQuiet)) return false
    if (this.#options.untilEnd === true && this.#tasks.opening === undefined) {
      if (committing || dirty) {
        await this.#commitAll()
        return false
      }
      if ([...this.#tasks].every((task) => task.atEnd)) return this.#endOrRest()
    }
    // A commit that becomes due while the previous one is under way is made when the end of that one wakes the loop. Looping
    // without a wait would starve the I/O that it waits for.
    const waitMs = dirty && !committing ? this.#commits.dueInMs : IDLE_WAIT_MS
    if (waitMs > 0) await this.#rest.forRecords(waitMs, this.#tasks, this.#joined.reader)
    // The wait is over at once if there are records that a run to the end does not read: I/O must still have its turn.
    await this.#options.env.timers.turn()
    return false
  }

  /** Waits for the other containers, or for what they send; true if the whole job is at its end. */
  async #endOrRest(): Promise<boolean> {
    const assignment = this.#assignments.newest
    if (assignment === undefined || !this.#assignments.areFollowed) return false
    if (await this.#joined.end.reached(assignment)) return true
    // Does not wait with the reader: the reader would not wait if there are records behind the end of this run.
    await this.#rest.for(END_REST_MS)
    return false
  }

  async #commitWhenDue(): Promise<void> {
    await this.#throwOrRollBack()
    if (this.#tasks.dirty) await this.#joined.end.left()
    const { dirtyBytesMax = DIRTY_BYTES_MAX } = this.#options
    if (this.#tasks.dirtyBytes >= dirtyBytesMax) await this.#commitAll()
    else if (this.#commits.dueInMs <= 0 && this.#commits.underWay === undefined) this.#startCommit()
    await this.#purges.whenDue()
  }

  /** Commits everything that was processed, and waits for the commit. */
  async #commitAll(): Promise<void> {
    await this.#commits.underWay
    await this.#throwOrRollBack()
    await this.#tasks.unblocked()
    this.#startCommit()
    await this.#commits.underWay
    await this.#throwOrRollBack()
  }

  #startCommit(): void {
    // A held task is in the middle of a record: what it has appended for that record would be committed without the rest.
    if (this.#tasks.blocked.length === 0) this.#commits.start(this.#joined.outputs, [...this.#tasks])
  }

  async #throwOrRollBack(): Promise<void> {
    this.#rest.throwFailure()
    const behind = this.#commits.takeStaleStores()
    if (behind.length > 0) await this.#rollBack(behind)
  }

  /**
   * Rolls back to the last commit, because some stores cannot be trusted: they are opened again from their changelog. What
   * the other tasks have appended since then is in the same transaction, and is given up with it.
   */
  async #rollBack(failed: readonly FailedApply[]): Promise<void> {
    this.#rebuilds.spend(failed)
    await this.#tasks.unblocked()
    const session = this.#joined
    await session.outputs.abort()
    await this.#tasks.opening
    await this.#tasks.reopen([...this.#tasks], session)
  }
}
