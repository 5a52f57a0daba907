import type { Position } from '@millrace/core'
import type { Topology } from '@millrace/core/internal'
import { Subject } from 'rxjs'
import { anySerde } from '../task/compile.ts'
import type { Task, TaskCommit } from '../task/task.ts'
import type { ServedView, ViewCommit, ViewPart } from '../views/served-view.ts'

/** The views of a container's tasks, kept in step with their commits. */
export class ContainerViews {
  readonly views: readonly ServedView[]
  readonly #parts = new Map<Task, LivePart[]>()

  constructor(topology: Topology, tasks: readonly Task[]) {
    this.views = topology.views.map(({ name, store, subtopology }) => {
      const owners = tasks.filter((task) => task.spec.subtopology.id === subtopology)
      return {
        name,
        key: anySerde(store.key),
        value: anySerde(store.value),
        windowMs: store.windowMs,
        partitions: owners[0]?.spec.tasks ?? 0,
        parts: owners.map((task) => this.#addPart(task, store.name)),
      }
    })
  }

  /** A commit is in its store: tells those who watch. */
  committed({ task, frozen, position }: TaskCommit): void {
    for (const part of this.#parts.get(task) ?? []) part.publish(frozen.changes(part.storeName), position)
  }

  /** The task is open: its parts stand where its checkpoint does. */
  opened(task: Task): void {
    for (const part of this.#parts.get(task) ?? []) part.position = task.position
  }

  close(): void {
    for (const parts of this.#parts.values()) for (const part of parts) part.close()
  }

  #addPart(task: Task, storeName: string): ViewPart {
    const part = new LivePart(task, storeName)
    const parts = this.#parts.get(task)
    if (parts === undefined) this.#parts.set(task, [part])
    else parts.push(part)
    return part
  }
}

class LivePart implements ViewPart {
  readonly partition: number
  readonly storeName: string
  position: Position
  readonly changes = new Subject<ViewCommit>()
  readonly positions = new Subject<Position>()
  readonly #task: Task

  constructor(task: Task, storeName: string) {
    this.#task = task
    this.storeName = storeName
    this.partition = task.spec.partition
    this.position = task.spec.sources
  }

  /** Asked for anew each time: a rebuilt state is another object. */
  get store() {
    return this.#task.state.committed<unknown, unknown>(this.storeName)
  }

  publish(changes: ViewCommit['changes'], position: Position): void {
    this.position = position
    // Decoding what changed costs; nobody may be there.
    if (this.changes.observed) this.changes.next({ position, changes })
    this.positions.next(position)
  }

  close(): void {
    this.changes.complete()
    this.positions.complete()
  }
}
