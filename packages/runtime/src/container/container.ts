import type { JobStatus } from '@millrace/core'
import { type Env, FatalError, type Log, type LogReader, type LogWriter, StateDamagedError } from '@millrace/core'
import { type Job, type Topology, toTopology } from '@millrace/core/internal'
import { type Observable, ReplaySubject } from 'rxjs'
import type { RestoreProgress } from '../task/restore.ts'
import { Task } from '../task/task.ts'
import type { ServedView } from '../views/served-view.ts'
import { commitTasks } from './commit.ts'
import { prepareTopics, sourcesOf } from './topics.ts'
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
/** A store that must be rebuilt again and again has a disk that cannot be worked with. */
const REBUILDS_MAX = 3

export const COMMIT_INTERVAL_MS = 100
export const IDLE_AFTER_MS = 30_000

/** What a container is started with. */
export interface ContainerOptions {
  readonly job: Job
  readonly log: Log
  readonly env: Env
  /** Where tasks keep their local state: a cache of the changelog. */
  readonly stateDirectory: string
  /** How often state, positions and outputs become durable together. Default 100. */
  readonly commitIntervalMs?: number
  /** An input that brings nothing for so long holds the watermark back no more. Default 30 000; 0 with `untilEnd`. */
  readonly idleAfterMs?: number
  /** Process what is there and stop, as a batch job. Default false. */
  readonly untilEnd?: boolean
  /** Told what the user should know, one line each: a store that was rebuilt, and why. */
  readonly onNotice?: (message: string) => void
  /** Told how far the restores are, often: the start takes as long as they do. */
  readonly onRestore?: (progress: RestoreProgress) => void
}

/** A running job, or this process's part of it. */
export interface Container {
  /** The job's condition, a few times a second; late subscribers get the last one at once. Completes at the end. */
  readonly status: Observable<JobStatus>
  readonly views: readonly ServedView[]
  /**
   * Resolves when the container has stopped: after `stop`, or with `untilEnd` when all that was there at the start is
   * processed and committed. Rejects with what stopped it otherwise; nothing was committed then that is not whole.
   */
  readonly done: Promise<void>
  /** Commits what was processed and ends. Resolves when all is closed; never rejects for what `done` rejects with. */
  stop(): Promise<void>
}

/**
 * Starts a job in this process: claims it, makes its own topics, restores its tasks' state and runs them. Resolves when
 * the tasks are restored and running. Throws, with everything closed again, what refuses the start: `JOB_INVALID`,
 * `TOPIC_MISSING`, `JOB_RUNNING`, `STATE_SERDE_CHANGED` and the log's own errors.
 */
export async function startContainer(options: ContainerOptions): Promise<Container> {
  const topology = toTopology(options.job)
  const claim = await options.log.claim(topology.job)
  const reader = options.log.openReader()
  const writer = options.log.openWriter()
  const container = new RunningContainer(options, topology, reader, writer)
  const close = async () => {
    await container.close()
    await reader.close()
    await writer.close()
    await claim.release()
  }
  try {
    await container.open()
  } catch (error) {
    await close()
    throw error
  }
  const done = container.run().then(close, async (error: unknown) => {
    // What stopped the container is what must be told, whatever closing says after it.
    await close().catch(() => undefined)
    throw error
  })
  // `stop` and `done` both tell of a failure; one unobserved is no unhandled rejection.
  done.catch(() => undefined)
  return {
    status: container.status,
    views: container.views,
    done,
    stop: async () => {
      container.requestStop()
      await done.catch(() => undefined)
    },
  }
}

class RunningContainer {
  readonly status = new ReplaySubject<JobStatus>(1)
  readonly #options: ContainerOptions
  readonly #topology: Topology
  readonly #reader: LogReader
  readonly #writer: LogWriter
  readonly #tasks: Task[] = []
  readonly #stop = new AbortController()
  #phase: JobStatus['phase'] = 'restoring'
  #views: ContainerViews | undefined
  #committing: Promise<void> | undefined
  #commitFailure: { readonly error: unknown } | undefined
  #nextCommitMs = 0
  #nextPurgeMs = 0
  #rebuilds = 0
  #statusTimer: { cancel(): void } | undefined

  constructor(options: ContainerOptions, topology: Topology, reader: LogReader, writer: LogWriter) {
    this.#options = options
    this.#topology = topology
    this.#reader = reader
    this.#writer = writer
  }

  get views(): readonly ServedView[] {
    return this.#views?.views ?? []
  }

  get #nowMs(): number {
    return this.#options.env.clock.monotonic()
  }

  async open(): Promise<void> {
    const { log, env, stateDirectory, untilEnd = false } = this.#options
    const { onNotice = () => undefined, onRestore = () => undefined } = this.#options
    // At the end of what is there, an empty partition must not hold the others back.
    const idleAfterMs = this.#options.idleAfterMs ?? (untilEnd ? 0 : IDLE_AFTER_MS)
    const topics = await prepareTopics(this.#topology, log)
    for (const subtopology of this.#topology.subtopologies) {
      const tasks = topics.tasks.get(subtopology) ?? 0
      for (let partition = 0; partition < tasks; partition++) {
        this.#tasks.push(
          new Task({
            topology: this.#topology,
            subtopology,
            partition,
            tasks,
            log,
            reader: this.#reader,
            writer: this.#writer,
            env,
            topics: topics.descriptions,
            repartitionTopic: topics.repartitionTopic,
            sources: sourcesOf(this.#topology, topics, subtopology, partition),
            stateDirectory,
            idleAfterMs,
            restoring: onRestore,
            notice: onNotice,
          }),
        )
      }
    }
    this.#views = new ContainerViews(this.#topology, this.#tasks)
    this.#reportRegularly()
    for (const task of this.#tasks) {
      await task.open()
      this.#views.opened(task)
    }
    if (untilEnd) for (const task of this.#tasks) task.limitToEnd()
    this.#phase = 'running'
    this.#report()
  }

  requestStop(): void {
    if (this.#phase === 'running') {
      this.#phase = 'stopping'
      this.#report()
    }
    this.#stop.abort()
  }

  async run(): Promise<void> {
    try {
      this.#nextCommitMs = this.#nowMs + this.#commitIntervalMs
      while (!this.#stop.signal.aborted) {
        const worked = await this.#work()
        await this.#commitWhenDue()
        if (worked) await this.#options.env.timers.turn()
        else if (await this.#rest()) break
      }
      await this.#commitAll()
      await this.#purge()
      this.#phase = 'stopped'
    } catch (error) {
      this.#phase = 'failed'
      throw error
    }
  }

  async close(): Promise<void> {
    // A commit that is under way writes to what is about to be closed.
    await this.#committing
    this.#statusTimer?.cancel()
    this.#report()
    this.status.complete()
    this.#views?.close()
    for (const task of this.#tasks) await task.close()
  }

  get #commitIntervalMs(): number {
    return this.#options.commitIntervalMs ?? COMMIT_INTERVAL_MS
  }

  /** Gives every task a slice; says whether any had something to do. */
  async #work(): Promise<boolean> {
    let records = 0
    let untilMs = this.#nowMs + SLICE_MS
    for (const task of this.#tasks) {
      if (this.#writer.backlogged) await this.#writer.flush()
      try {
        records += task.runSlice(untilMs)
      } catch (error) {
        await this.#rebuild(task, error)
      }
      if (this.#nowMs < untilMs) continue
      // However many tasks there are, nobody else waits for more than one slice.
      await this.#options.env.timers.turn()
      untilMs = this.#nowMs + SLICE_MS
    }
    return records > 0
  }

  /** Waits for something to do; true where there will be nothing more. */
  async #rest(): Promise<boolean> {
    const held = this.#tasks.flatMap((task) => task.held ?? [])
    if (held.length > 0) {
      await Promise.all(held)
      return false
    }
    for (const task of this.#tasks) task.checkIdle(this.#nowMs)
    if (this.#options.untilEnd === true) {
      if (this.#committing !== undefined || this.#tasks.some((task) => task.dirty)) {
        await this.#commitAll()
        return false
      }
      if (this.#tasks.every((task) => task.atEnd)) return true
    }
    const dirty = this.#tasks.some((task) => task.dirty)
    const waitMs = dirty ? this.#nextCommitMs - this.#nowMs : IDLE_WAIT_MS
    if (waitMs > 0) await this.#reader.wait(waitMs, this.#stop.signal)
    else if (this.#committing !== undefined) await this.#waitForCommitOrInput(this.#committing)
    return false
  }

  /**
   * A commit is due, and the one before it is still on its way. Going round without waiting would starve the I/O that it
   * waits for.
   */
  async #waitForCommitOrInput(committing: Promise<void>): Promise<void> {
    const committed = new AbortController()
    committing.then(() => committed.abort())
    await this.#reader.wait(IDLE_WAIT_MS, AbortSignal.any([this.#stop.signal, committed.signal]))
  }

  async #commitWhenDue(): Promise<void> {
    this.#throwCommitFailure()
    const now = this.#nowMs
    let dirtyBytes = 0
    for (const task of this.#tasks) dirtyBytes += task.dirtyBytes
    if (dirtyBytes >= DIRTY_BYTES_MAX) await this.#commitAll()
    else if (now >= this.#nextCommitMs && this.#committing === undefined) this.#startCommit()
    if (now >= this.#nextPurgeMs) await this.#purge()
  }

  async #purge(): Promise<void> {
    this.#nextPurgeMs = this.#nowMs + PURGE_INTERVAL_MS
    for (const task of this.#tasks) await task.purgeInputs()
  }

  /** Commits everything that was processed, and waits for it. */
  async #commitAll(): Promise<void> {
    await this.#committing
    this.#throwCommitFailure()
    await Promise.all(this.#tasks.map((task) => task.held))
    this.#startCommit()
    await this.#committing
    this.#throwCommitFailure()
  }

  /** Freezes all tasks at one moment and lets the rest of the commit go on beside the processing. */
  #startCommit(): void {
    this.#nextCommitMs = this.#nowMs + this.#commitIntervalMs
    const due = this.#tasks.filter((task) => task.dirty && task.held === undefined)
    if (due.length === 0) return
    const commits = due.map((task) => task.freeze())
    this.#committing = commitTasks(this.#writer, commits, (commit) => this.#views?.committed(commit))
      .then(async (failed) => {
        for (const { task, error } of failed) await this.#rebuildNow(task, error)
        if (failed.length === 0) this.#rebuilds = 0
      })
      .catch((error: unknown) => {
        this.#commitFailure = { error }
      })
      .finally(() => {
        this.#committing = undefined
      })
  }

  #throwCommitFailure(): void {
    if (this.#commitFailure !== undefined) throw this.#commitFailure.error
  }

  async #rebuild(task: Task, error: unknown): Promise<void> {
    if (!(error instanceof StateDamagedError)) throw error
    await this.#committing
    await this.#rebuildNow(task, error)
  }

  /** Closes a task whose store cannot be trusted, and opens it again from its changelog. */
  async #rebuildNow(task: Task, error: unknown): Promise<void> {
    this.#rebuilds++
    const reason = error instanceof Error ? error.message : String(error)
    if (this.#rebuilds > REBUILDS_MAX) {
      throw new FatalError(
        'STATE_REBUILD_FAILED',
        `The state of task ${task.id} failed again after rebuilding: ${reason}`,
        {
          job: this.#topology.job,
          task: task.id,
          cause: error,
        },
      )
    }
    this.#options.onNotice?.(`${task.id}: the store is opened again: ${reason}`)
    this.#views?.closing(task)
    await task.reopen()
    this.#views?.opened(task)
  }

  #reportRegularly(): void {
    this.#report()
    this.#statusTimer = this.#options.env.timers.after(STATUS_INTERVAL_MS, () => this.#reportRegularly())
  }

  #report(): void {
    const { job } = this.#topology
    const tasks = this.#tasks.map((task) => task.status())
    this.status.next({ job, phase: this.#phase, atMs: this.#nowMs, tasks })
  }
}
