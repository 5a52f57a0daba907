import type { Assignment, Membership } from '@millrace/core'
import type { Subscription } from 'rxjs'

/** What a container's group has assigned to it, and how far the container follows. */
export class Assignments {
  #subscription: Subscription | undefined
  #newest: Assignment | undefined
  #followed: Assignment | undefined

  /**
   * Begins with the assignments of another session. Resolves with the first one, or when they fail. `changed` is called for each,
   * and `failed` when the group goes on without the container.
   */
  async begin({ assignments }: Membership, changed: () => void, failed: (error: unknown) => void): Promise<void> {
    const first = Promise.withResolvers<void>()
    this.#subscription = assignments.subscribe({
      next: (assignment) => {
        this.#newest = assignment
        changed()
        first.resolve()
      },
      error: (error: unknown) => {
        failed(error)
        first.resolve()
      },
    })
    await first.promise
  }

  get newest(): Assignment | undefined {
    return this.#newest
  }

  /** The member that has a task, by the newest assignment. */
  ownerOf(task: string): string | undefined {
    return this.#newest?.members.find(({ tasks }) => tasks.includes(task))?.member
  }

  /** The assignment that was followed last. */
  get followed(): Assignment | undefined {
    return this.#followed
  }

  /** Whether the newest assignment is followed. */
  get areFollowed(): boolean {
    return this.#newest === this.#followed
  }

  /** An assignment is followed now. */
  follow(assignment: Assignment): void {
    this.#followed = assignment
  }

  end(): void {
    this.#subscription?.unsubscribe()
    this.#newest = undefined
    this.#followed = undefined
  }
}
