import type { StandbyStatus } from '@millrace/core'
import type { TaskState } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import { restFor } from '../container/rest-for.ts'
import { ChangelogFollower } from '../task/changelog-follower.ts'
import { localStateOptions, taskId } from '../task/local-state-options.ts'
import { type LocalState, openLocalState } from '../task/open-local-state.ts'
import type { CopyUse } from '../task/state-copies.ts'
import type { TaskSpec } from '../task/task-spec.ts'
import type { StandbyTurns } from './standby-turns.ts'

/** After a failure, a standby begins again after this time: a full disk stays full for a while, and each try costs a restore. */
const STANDBY_RETRY_MS = 10_000

/** What a standby is made from. */
export interface StandbyOptions {
  /** The task that it follows. */
  readonly spec: TaskSpec
  readonly catalog: Catalog
  readonly turns: StandbyTurns
  /** Which copies it may open. */
  readonly use: CopyUse
  /** Called when it becomes ready, or is not ready any more. */
  readonly changed: () => void
}

/**
 * A warm copy of a task's state, which follows what is committed in the task's changelog. It writes nothing else, so it holds
 * nothing uncommitted; and its failures are its own: it begins again after a time. Its container either takes its state, to run
 * the task with it, or ends it.
 */
export class Standby {
  readonly task: string
  readonly #options: StandbyOptions
  readonly #stop = new AbortController()
  readonly #following: Promise<void>
  #local: LocalState | undefined
  #phase: StandbyStatus['phase'] = 'behind'
  #problem: string | null = null
  #endOffset = 0
  #records = 0

  constructor(options: StandbyOptions) {
    this.task = taskId(options.spec)
    this.#options = options
    this.#following = this.#followAgain()
  }

  /** Whether it has caught up with the changelog, and follows it. */
  get ready(): boolean {
    return this.#phase === 'ready'
  }

  /** Its state while it is ready: only what is committed may be read of it. */
  get readable(): TaskState | undefined {
    return this.ready ? this.#local?.state : undefined
  }

  /** Whether its copy is open. */
  get isOpen(): boolean {
    return this.#local !== undefined
  }

  status(): StandbyStatus {
    const offset = this.#local?.state.position.nextOffset ?? 0
    return {
      task: this.task,
      phase: this.#phase,
      partition: this.#options.spec.partition,
      offset,
      endOffset: Math.max(offset, this.#endOffset),
      records: this.#records,
      problem: this.#problem,
    }
  }

  /**
   * Ends the standby, and returns its open state; undefined if it has none. The state is not at the end of the changelog: the task
   * that gets it catches up.
   */
  async take(): Promise<LocalState | undefined> {
    await this.#end()
    const local = this.#local
    this.#local = undefined
    return local
  }

  /** Ends the standby, and keeps its files. */
  async close(): Promise<void> {
    await this.#end()
    await this.#closeState()
  }

  /** Ends the standby, and deletes what it holds. */
  async drop(): Promise<void> {
    await this.#end()
    await this.#local?.state.discard().catch(() => undefined)
    await this.#closeState()
  }

  async #end(): Promise<void> {
    this.#stop.abort()
    await this.#following
  }

  /** Follows until it is ended. Never rejects: nothing that fails here may stop the container's tasks. */
  async #followAgain(): Promise<void> {
    const { spec, changed } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      try {
        await this.#follow(signal)
      } catch (error) {
        if (signal.aborted && error === signal.reason) return
        this.#fail(error)
        await this.#closeState()
        changed()
        await restFor(spec.env.timers, STANDBY_RETRY_MS, signal)
      }
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { spec, catalog, turns, use, changed } = this.#options
    const { log, topology, partition } = spec
    this.#records = 0
    const local = await turns.open(() => openLocalState(localStateOptions(spec, catalog), use), signal)
    this.#local = local
    signal.throwIfAborted()
    const follower = new ChangelogFollower(log, local.state, topology, partition, turns.pacing())
    const catchUp = async () => {
      const progress = (done: number, total: number) => this.#sawEnd(local, total - done)
      this.#records += (await follower.catchUp({ to: 'committed', signal, progress })).records
    }
    // The first time may take long; the second time finds what was committed during the first.
    await catchUp()
    await catchUp()
    this.#phase = 'ready'
    this.#problem = null
    changed()
    const applied = (records: number, behind: number) => {
      this.#records += records
      this.#sawEnd(local, behind)
    }
    // Compaction has removed deletions that it had not read: it was stopped for a day, and reads everything again.
    const discarded = (reason: string) => {
      throw new Error(reason)
    }
    await follower.follow(signal, { applied, discarded })
  }

  #sawEnd({ state }: LocalState, behind: number): void {
    this.#endOffset = state.position.nextOffset + behind
  }

  #fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    const { notice } = this.#options.spec
    // The same fault is not reported again every time.
    if (this.#problem !== reason) notice(`The standby of task ${this.task} begins again: ${reason}`)
    this.#phase = 'failed'
    this.#problem = reason
  }

  async #closeState(): Promise<void> {
    const local = this.#local
    this.#local = undefined
    await local?.state.close().catch(() => undefined)
  }
}
