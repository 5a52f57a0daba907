import { type LogReader, StateDamagedError } from '@millrace/core'
import type { Topology } from '@millrace/core/internal'
import type { Catalog } from '../catalog/catalog.ts'
import type { Standbys } from '../standby/standbys.ts'
import type { Task, TaskCommit } from '../task/task.ts'
import type { TaskSession } from '../task/task-spec.ts'
import type { ServedView } from '../views/served-view.ts'
import type { Failure } from './loop-rest.ts'
import type { RebuildBudget } from './rebuild-budget.ts'
import { ContainerViews, type OtherMember } from './view-parts.ts'

/** What a container opens its tasks with. */
export interface OpenTasksOptions {
  readonly topology: Topology
  /** All tasks of the job, all of them closed. */
  readonly tasks: readonly Task[]
  readonly rebuilds: RebuildBudget
  /** Which stores the job has, once that is known. */
  readonly catalog: () => Catalog | undefined
  /** Where the tasks of other processes are. */
  readonly otherMembers: () => readonly OtherMember[]
  /** The container's standbys, which tasks take over. */
  readonly standbys: Pick<Standbys, 'isReady' | 'stateOf' | 'take'>
  /** Whether tasks end at what is there when they are opened. */
  readonly untilEnd: boolean
  /** Called when the tasks that were being opened are all open; or, with the error, when one of them cannot be opened. */
  readonly opened: (failure?: Failure) => void
}

/** The tasks that a container has open, in the order in which it got them, and the views that they serve. */
export class OpenTasks implements Iterable<Task> {
  readonly #options: OpenTasksOptions
  readonly #views: ContainerViews
  #open: readonly Task[] = []
  #opening: Promise<void> | undefined
  /** Aborted when the tasks that are being opened are not wanted any more. */
  #giveUp = new AbortController()

  constructor(options: OpenTasksOptions) {
    this.#options = options
    this.#views = new ContainerViews(options.topology, options.tasks, options.catalog, options.otherMembers, (task) =>
      options.standbys.stateOf(task),
    )
  }

  /** The ids of all tasks of the job, open here or not. */
  get ids(): string[] {
    return this.#options.tasks.map(({ id }) => id)
  }

  get views(): readonly ServedView[] {
    return this.#views.views
  }

  /**
   * Settles when the tasks that are being opened are open, or given up, and never rejects; undefined if no task is being
   * opened.
   */
  get opening(): Promise<void> | undefined {
    return this.#opening
  }

  /** They settle when the held tasks may continue; empty while no task is held. */
  get blocked(): readonly Promise<void>[] {
    return this.#open.flatMap((task) => task.blocked ?? [])
  }

  /** Changed bytes of all tasks that wait for a commit, roughly. */
  get dirtyBytes(): number {
    let bytes = 0
    for (const task of this) bytes += task.dirtyBytes
    return bytes
  }

  /** Whether there is something to commit. */
  get dirty(): boolean {
    return this.#open.some((task) => task.dirty)
  }

  /** Whether a task takes no records, although there may be some, before a call to the outside world is done. */
  get leaveRecords(): boolean {
    return this.#open.some((task) => task.full || (this.#options.untilEnd && task.hasCalls))
  }

  /**
   * Whether no task is being opened, and every open task has processed what its inputs have now, but for what waits for calls to the
   * outside world.
   */
  get atEnds(): boolean {
    if (this.#opening !== undefined) return false
    const isAtEnd = (task: Task) => task.status().inputs.every(({ offset, endOffset }) => offset >= endOffset)
    return this.#open.every((task) => task.full || isAtEnd(task))
  }

  [Symbol.iterator](): Iterator<Task> {
    return this.#open[Symbol.iterator]()
  }

  /** Waits as `reader` does, and until a global table of an open task may have more. */
  async wait(reader: LogReader, timeoutMs: number, signal: AbortSignal): Promise<void> {
    const readers = [reader, ...this.#open.flatMap((task) => task.readers)]
    if (readers.length === 1) return reader.wait(timeoutMs, signal)
    const ended = new AbortController()
    const end = () => ended.abort()
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
    try {
      await Promise.race(readers.map((each) => each.wait(timeoutMs, ended.signal)))
    } finally {
      signal.removeEventListener('abort', end)
      end()
    }
  }

  /** Waits until no task is in the middle of a record. */
  async unblocked(): Promise<void> {
    for (let { blocked } = this; blocked.length > 0; blocked = this.blocked) await Promise.all(blocked)
  }

  /** Begins to open tasks, one after the other, in the background. */
  beginOpening(tasks: readonly Task[], session: TaskSession): void {
    if (tasks.length > 0) this.#opening = this.#openAll(tasks, session)
  }

  /**
   * Gives up the tasks that are being opened, and waits until they are given up: a restore may wait for a transaction that
   * no process ends before this container is closed.
   */
  async giveUpOpening(): Promise<void> {
    this.#giveUp.abort()
    await this.#opening
    this.#giveUp = new AbortController()
  }

  /** The tasks among `ids` that are not open. */
  missing(ids: ReadonlySet<string>): Task[] {
    return this.#options.tasks.filter((task) => ids.has(task.id) && !this.#open.includes(task))
  }

  async close(tasks: readonly Task[]): Promise<void> {
    for (const task of tasks) {
      this.#views.closing(task)
      await task.close()
    }
    this.#open = this.#open.filter((task) => !tasks.includes(task))
  }

  /** Opens tasks again at their last commit. */
  async reopen(tasks: readonly Task[], session: TaskSession): Promise<void> {
    for (const task of tasks) {
      this.#views.closing(task)
      await this.#withRebuilds(task, () => task.reopen(session))
      if (this.#options.untilEnd) task.limitToEnd()
      this.#views.opened(task)
    }
  }

  /** A commit is in a task's store: notifies the followers. */
  committed(commit: TaskCommit): void {
    this.#views.committed(commit)
  }

  /** Closes all tasks, and ends the views. */
  async end(): Promise<void> {
    this.#views.close()
    await this.close(this.#open)
  }

  async #openAll(tasks: readonly Task[], session: TaskSession): Promise<void> {
    const { signal } = this.#giveUp
    const { standbys } = this.#options
    // A task that its standby can take over does not wait for the restores of others.
    const waits = ({ id }: Task) => Number(!standbys.isReady(id))
    let failure: Failure | undefined
    for (const task of [...tasks].sort((a, b) => waits(a) - waits(b))) {
      if (signal.aborted) break
      try {
        await this.#withRebuilds(task, async () => task.open(session, signal, await standbys.take(task.id)))
      } catch (error) {
        if (!signal.aborted) failure = { error }
        await task.close().catch((closing: unknown) => {
          failure ??= { error: closing }
        })
        break
      }
      if (this.#options.untilEnd) task.limitToEnd()
      this.#open = [...this.#open, task]
      this.#views.opened(task)
    }
    this.#opening = undefined
    this.#options.opened(failure)
  }

  /** Opens a task, again if its store fails meanwhile: the store is a cache, and is repaired without a person. */
  async #withRebuilds(task: Task, open: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await open()
        return
      } catch (error) {
        if (!(error instanceof StateDamagedError)) throw error
        this.#options.rebuilds.spend([{ task, error }])
        await task.close()
      }
    }
  }
}
