import { type Position, RetriableError } from '@millrace/core'
import {
  type FrozenCommit,
  maximumPosition,
  ownValue,
  type StatePosition,
  shownSerde,
  type TaskState,
  type Topology,
} from '@millrace/core/internal'
import { EMPTY, Subject } from 'rxjs'
import type { Catalog } from '../catalog/catalog.ts'
import { anySerde } from '../operators/any-serde.ts'
import { savedPosition } from '../stopped/saved-position.ts'
import type { Task, TaskCommit } from '../task/task.ts'
import type { RemoteOwner, ServedView, ViewCommit, ViewPart } from '../views/served-view.ts'
import { ChangelogHistory } from './changelog-history.ts'

/** Another process of the job: where it answers, and the ids of its tasks. */
export interface OtherMember {
  readonly address: string
  readonly tasks: readonly string[]
  /** The tasks of which it has a standby that is ready. Absent: none. */
  readonly standbys?: readonly string[]
}

/** The views of a container's tasks, kept in step with their commits. */
export class ContainerViews {
  readonly views: readonly ServedView[]
  readonly #parts = new Map<Task, TaskViewPart[]>()

  /**
   * `catalog`: which stores the job has, once that is known. `otherMembers`: where the tasks of other processes are. `standbyOf`: the state of this container's standby of a task, if that
   * is ready.
   */
  constructor(
    topology: Topology,
    tasks: readonly Task[],
    catalog: () => Catalog | undefined,
    otherMembers: () => readonly OtherMember[],
    standbyOf: (task: string) => TaskState | undefined = () => undefined,
  ) {
    this.views = topology.views.map(({ name, store, subtopology }) => {
      const owners = tasks.filter((task) => task.spec.subtopology.id === subtopology)
      const parts = owners.map((task) => this.#addPart(task, store.name, catalog))
      return {
        name,
        key: anySerde(store.key),
        value: anySerde(shownSerde(store)),
        shape: store.shape,
        partitions: owners[0]?.spec.tasks ?? 0,
        sources: maximumPosition(owners.map((task) => task.spec.sources)),
        get completeFrom() {
          return ownValue(catalog()?.stores ?? {}, name)?.completeFrom ?? {}
        },
        get parts() {
          return parts.filter((part) => part.serving)
        },
        get remoteOwners() {
          return partsAmong(
            otherMembers().map(({ address, tasks: ids }) => ({ address, ids })),
            owners,
          )
        },
        get standbys() {
          return owners.flatMap((task) => standbyPart(task, store.name, standbyOf(task.id)) ?? [])
        },
        get remoteStandbys() {
          return partsAmong(
            otherMembers().map(({ address, standbys = [] }) => ({ address, ids: standbys })),
            owners,
          )
        },
      }
    })
  }

  /** A commit is in its store: notifies the followers. */
  committed({ task, state, frozen, position }: TaskCommit): void {
    for (const part of this.#parts.get(task) ?? []) part.publish(frozen, position, state.position)
  }

  /** The task is open and restored: its parts are at the position of its checkpoint, and are served from now on. */
  opened(task: Task): void {
    for (const part of this.#parts.get(task) ?? []) part.open(task.position, task.state.position)
  }

  /**
   * The task's store is given up, to be rebuilt: its parts are not served until it is open again. While it is restored it
   * holds less than its position says. The failed commit is in the store afterwards, without a notification.
   */
  closing(task: Task): void {
    for (const part of this.#parts.get(task) ?? []) part.close()
  }

  close(): void {
    for (const parts of this.#parts.values()) {
      for (const part of parts) {
        part.close()
        part.positions.complete()
      }
    }
  }

  #addPart(task: Task, storeName: string, catalog: () => Catalog | undefined): TaskViewPart {
    const part = new TaskViewPart(task, storeName, new ChangelogHistory(task, storeName, catalog))
    const parts = this.#parts.get(task)
    if (parts === undefined) this.#parts.set(task, [part])
    else parts.push(part)
    return part
  }
}

/** The processes that have some of these tasks, each with the numbers of its tasks. */
function partsAmong(
  members: readonly { readonly address: string; readonly ids: readonly string[] }[],
  tasks: readonly Task[],
): RemoteOwner[] {
  return members.flatMap(({ address, ids }) => {
    const partitions = tasks.filter(({ id }) => ids.includes(id)).map(({ spec }) => spec.partition)
    return partitions.length === 0 ? [] : [{ address, partitions }]
  })
}

/** A part of a view as of a standby. It has no followers: they follow the process that runs the task. */
function standbyPart(task: Task, storeName: string, state: TaskState | undefined): ViewPart | undefined {
  if (state === undefined) return undefined
  const { partition, sources } = task.spec
  return {
    partition,
    store: state.committed(storeName),
    position: maximumPosition([sources, savedPosition(state.checkpoint, partition)]),
    changes: EMPTY,
    positions: EMPTY,
  }
}

class TaskViewPart implements ViewPart {
  readonly partition: number
  readonly storeName: string
  position: Position
  changes = new Subject<ViewCommit>()
  readonly positions = new Subject<Position>()
  serving = false
  readonly history: ChangelogHistory
  readonly #task: Task

  constructor(task: Task, storeName: string, history: ChangelogHistory) {
    this.#task = task
    this.history = history
    this.storeName = storeName
    this.partition = task.spec.partition
    this.position = task.spec.sources
  }

  /** Looked up each time: a rebuilt state is another object. */
  get store() {
    if (this.serving) return this.#task.state.committed<unknown, unknown>(this.storeName)
    throw new RetriableError(
      'VIEW_INCOMPLETE',
      `Part ${this.partition} of view ${this.storeName} is being restored. Retry in a moment`,
      { task: this.#task.id, store: this.storeName },
    )
  }

  open(position: Position, point: StatePosition): void {
    this.position = position
    this.history.point = point
    this.serving = true
    this.positions.next(position)
  }

  publish(frozen: FrozenCommit, position: Position, point: StatePosition): void {
    this.position = position
    this.history.point = point
    // Decoding what changed costs time, and most views have no followers.
    if (this.changes.observed) this.changes.next({ position, changes: frozen.changes(this.storeName) })
    this.positions.next(position)
  }

  /** Ends the changes: their followers learn that they have a gap. Later changes come from another Observable. */
  close(): void {
    const { changes } = this
    this.serving = false
    this.changes = new Subject<ViewCommit>()
    changes.complete()
  }
}
