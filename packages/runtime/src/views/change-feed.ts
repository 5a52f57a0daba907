import { formatPosition } from '@millrace/core'
import { keyToText, minimumPosition } from '@millrace/core/internal'
import { Subscription } from 'rxjs'
import { errorBody } from '../http/http-error.ts'
import { completeness } from './completeness.ts'
import { jsonEntry } from './entry-json.ts'
import { type Follower, Followers, type Wanted } from './followers.ts'
import type { ServedView, ViewCommit, ViewPart } from './served-view.ts'

/**
 * A view's changes, encoded once for all followers, and not at all while there are none.
 *
 * Each commit becomes one `change` event per entry. Only the last carries an id, the view's position after the commit: a
 * client that was cut off in mid-commit still has the id of the commit before.
 */
export class ChangeFeed {
  readonly #view: ServedView
  readonly #followers = new Followers()
  #subscription: Subscription | undefined
  /** The parts that are followed. */
  #parts: readonly ViewPart[] = []

  constructor(view: ServedView) {
    this.#view = view
  }

  /**
   * Sends the event from which the follower learns where it starts, with `start` in it, then what it wants of every commit after
   * that. Returns the function that ends it.
   */
  follow(follower: Follower, start: object = {}, wanted: Wanted = { of: 'all' }): () => void {
    const position = this.#position()
    follower.send(
      Buffer.from(
        `event: position\nid: ${position}\ndata: ${JSON.stringify({ position, ...completeness(this.#view), ...start })}\n\n`,
      ),
    )
    // The other followers do not follow a part that was added since: they have to begin again, with it.
    if (this.#subscription !== undefined && !this.#followsAllParts()) this.#end()
    const remove = this.#followers.add(follower, wanted)
    this.#subscription ??= this.#subscribe()
    return () => {
      remove()
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
      for (const [follower, events] of this.#encode(commit)) follower.send(events)
    } catch (error) {
      const events = Buffer.from(`event: error\ndata: ${JSON.stringify(errorBody(error))}\n\n`)
      for (const follower of [...this.#followers]) follower.send(events)
      this.#end()
    }
  }

  /**
   * What each follower gets of a commit. Encoded now, not later: a commit's bytes are reused once its task continues. A change
   * that no follower wants is not encoded.
   */
  #encode(commit: ViewCommit): [Follower, Buffer][] {
    const { ofAll, hasSelective } = this.#followers
    const all: string[] = []
    const selected = new Map<Follower, string[]>()
    for (const change of commit.changes) {
      const wanting = hasSelective ? [...this.#followers.wanting(keyToText(this.#view.key, change.key))] : []
      if (ofAll.size + wanting.length === 0) continue
      const json = JSON.stringify(jsonEntry(this.#view, change))
      if (ofAll.size > 0) all.push(json)
      for (const follower of wanting) {
        const changes = selected.get(follower)
        if (changes === undefined) selected.set(follower, [json])
        else changes.push(json)
      }
    }
    if (all.length + selected.size === 0) return []
    const position = this.#position()
    const ofEach: [Follower, Buffer][] = [...selected].map(([follower, changes]) => [
      follower,
      events(changes, position),
    ])
    if (all.length === 0) return ofEach
    const shared = events(all, position)
    return [...Array.from(ofAll, (follower): [Follower, Buffer] => [follower, shared]), ...ofEach]
  }

  #end(): void {
    this.#unsubscribe()
    for (const follower of [...this.#followers]) follower.end()
  }

  #position(): string {
    return formatPosition(minimumPosition(this.#view.parts.map((part) => part.position)))
  }
}

/** The events of one commit: at least one change, the last with the position. */
function events(changes: readonly string[], position: string): Buffer {
  const last = changes.length - 1
  const texts = changes.map((json, at) => `event: change\n${at === last ? `id: ${position}\n` : ''}data: ${json}\n\n`)
  return Buffer.from(texts.join(''))
}
