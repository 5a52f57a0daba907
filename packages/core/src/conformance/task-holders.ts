import assert from 'node:assert/strict'
import { filter, firstValueFrom, Subject, type Subscription, startWith } from 'rxjs'
import type { Assignment, Membership } from '../contracts/membership.ts'

/** Which member runs which task: at most one at a time. */
export class TaskHolders {
  readonly #holders = new Map<string, Worker>()
  readonly #changes = new Subject<void>()

  get size(): number {
    return this.#holders.size
  }

  take(task: string, worker: Worker): void {
    assert.equal(this.#holders.get(task), undefined, `${task} has an owner already`)
    this.#holders.set(task, worker)
    this.#changes.next()
  }

  drop(task: string): void {
    this.#holders.delete(task)
    this.#changes.next()
  }

  fail(error: unknown): void {
    this.#changes.error(error)
  }

  async until(reached: () => boolean): Promise<void> {
    await firstValueFrom(this.#changes.pipe(startWith(undefined), filter(reached)))
  }
}

/** A member that follows its assignments one after the other, as a container does. */
export class Worker {
  readonly #membership: Membership
  readonly #holders: TaskHolders
  readonly #tasks = new Set<string>()
  readonly #following: Subscription
  #followed: Promise<void> = Promise.resolve()

  constructor(membership: Membership, holders: TaskHolders) {
    this.#membership = membership
    this.#holders = holders
    this.#following = membership.assignments.subscribe({
      next: (assignment) => {
        this.#followed = this.#followed.then(() => this.#follow(assignment))
        this.#followed.catch((error: unknown) => holders.fail(error))
      },
      error: (error: unknown) => holders.fail(error),
    })
  }

  get count(): number {
    return this.#tasks.size
  }

  async stop(): Promise<void> {
    this.#following.unsubscribe()
    await this.#followed
    this.#drop([...this.#tasks])
    await this.#membership.leave()
  }

  async #follow(assignment: Assignment): Promise<void> {
    this.#drop([...this.#tasks].filter((task) => !assignment.tasks.includes(task)))
    await this.#membership.release(assignment)
    for (const task of assignment.tasks) {
      if (this.#tasks.has(task)) continue
      this.#tasks.add(task)
      this.#holders.take(task, this)
    }
  }

  #drop(tasks: readonly string[]): void {
    for (const task of tasks) {
      this.#tasks.delete(task)
      this.#holders.drop(task)
    }
  }
}
