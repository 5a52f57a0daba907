import { formatPosition } from '@millrace/core'
import { minimumPosition } from '@millrace/core/internal'
import { Subscription } from 'rxjs'
import { errorBody } from '../http/http-error.ts'
import { completeness } from './completeness.ts'
import { jsonEntry } from './entry-json.ts'
import type { ServedView, ViewCommit, ViewPart } from './served-view.ts'

/** One client that follows a view's changes. */
export interface Follower {
  /** Takes the Server-Sent Events of one commit, encoded. */
  send(events: Buffer): void
  /** A task of the view stopped: the events after that would have gaps. */
  end(): void
}

/**
 * A view's changes, encoded once for all followers, and not at all while there are none.
 *
 * Each commit becomes one `change` event per entry. Only the last carries an id, the view's position after the commit: a
 * client that was cut off in mid-commit still has the id of the commit before.
 */
export class ChangeFeed {
  readonly #view: ServedView
  readonly #followers = new Set<Follower>()
  #subscription: Subscription | undefined
  /** The parts that are followed. */
  #parts: readonly ViewPart[] = []

  constructor(view: ServedView) {
    this.#view = view
  }

  /**
   * Sends the event from which the follower learns where it starts, with `start` in it, then every commit after that.
   * Returns the function that ends it.
   */
  follow(follower: Follower, start: object = {}): () => void {
    const position = this.#position()
    follower.send(
      Buffer.from(
        `event: position\nid: ${position}\ndata: ${JSON.stringify({ position, ...completeness(this.#view), ...start })}\n\n`,
      ),
    )
    // The other followers do not follow a part that was added since: they have to begin again, with it.
    if (this.#subscription !== undefined && !this.#followsAllParts()) this.#end()
    this.#followers.add(follower)
    this.#subscription ??= this.#subscribe()
    return () => {
      this.#followers.delete(follower)
      if (this.#followers.size === 0) this.#unsubscribe()
    }
  }

  #subscribe(): Subscription {
    const subscription = new Subscription()
    this.#parts = [...this.#view.parts]
    for (const part of this.#parts) {
      subscription.add(
        part.changes.subscribe({
          next: (commit) => this.#send(commit),
          error: () => this.#end(),
          complete: () => this.#end(),
        }),
      )
    }
    return subscription
  }

  #followsAllParts(): boolean {
    return this.#view.parts.every((part) => this.#parts.includes(part))
  }

  #unsubscribe(): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
  }

  #send(commit: ViewCommit): void {
    // Thrown from here, a serde's error would reach the task that commits.
    try {
      const events = this.#encode(commit)
      if (events !== undefined) this.#sendAll(events)
    } catch (error) {
      this.#sendAll(Buffer.from(`event: error\ndata: ${JSON.stringify(errorBody(error))}\n\n`))
      this.#end()
    }
  }

  #sendAll(events: Buffer): void {
    for (const follower of [...this.#followers]) follower.send(events)
  }

  #encode(commit: ViewCommit): Buffer | undefined {
    const changes: string[] = []
    // Encoded now, not later: a commit's bytes are reused once its task continues.
    for (const change of commit.changes) changes.push(JSON.stringify(jsonEntry(this.#view, change)))
    const last = changes.pop()
    if (last === undefined) return undefined
    const earlier = changes.map((json) => `event: change\ndata: ${json}\n\n`).join('')
    return Buffer.from(`${earlier}event: change\nid: ${this.#position()}\ndata: ${last}\n\n`)
  }

  #end(): void {
    this.#unsubscribe()
    for (const follower of [...this.#followers]) follower.end()
  }

  #position(): string {
    return formatPosition(minimumPosition(this.#view.parts.map((part) => part.position)))
  }
}
