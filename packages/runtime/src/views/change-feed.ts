import { type Env, formatPosition } from '@millrace/core'
import { keyToText, minimumPosition } from '@millrace/core/internal'
import { Subscription } from 'rxjs'
import { errorBody } from '../http/http-error.ts'
import { commitEvents, errorEvent, positionEvent, reachedEvent } from './change-events.ts'
import { completeness } from './completeness.ts'
import { jsonEntry } from './entry-json.ts'
import { type Follower, Followers, type Wanted } from './followers.ts'
import { formatResumeId, parseResumeId, type ResumePoint } from './resume-id.ts'
import { Resumes } from './resumes.ts'
import { type ResetReason, ResumingFollower } from './resuming-follower.ts'
import type { ServedView, ViewCommit, ViewPart } from './served-view.ts'

/** What a follower asks for. */
export interface FollowOptions {
  /** Fields of the event with which it begins. */
  readonly start?: object
  /** Default: all changes. */
  readonly wanted?: Wanted
  /** The id of the last event that it had; default: it begins. */
  readonly resumeFrom?: string | undefined
  /** How many bytes of what it has missed may wait for it. */
  readonly bytesMax?: number
}

/** A follower of a feed. */
export interface Following {
  /** The event that states up to where it has every change; undefined while it does not have what it has missed. */
  readonly reached: Buffer | undefined
  /** Ends it. */
  leave(): void
}

/**
 * A view's changes, encoded once for all followers, and not at all while there are none.
 *
 * Each commit becomes one `change` event per entry. Only the last carries an id, which stands for where the view is after the
 * commit: a client that was cut off in mid-commit still has the id of the commit before.
 */
export class ChangeFeed {
  readonly #view: ServedView
  readonly #followers = new Followers()
  readonly #resumes: Resumes
  #subscription: Subscription | undefined
  /** The parts that are followed. */
  #parts: readonly ViewPart[] = []
  /** The event for where the view is; made when it is needed, and undefined after each commit. */
  #reached: Buffer | undefined
  /** The fields with which each follower that comes back would begin again, and what removes it. */
  readonly #resuming = new Map<ResumingFollower, { readonly start: object; remove?: () => void }>()

  constructor(view: ServedView, env: Pick<Env, 'clock' | 'timers'>) {
    this.#view = view
    this.#resumes = new Resumes({
      view,
      env,
      join: (follower) => this.#join(follower),
      reached: () => this.#makeReached(),
      position: (follower, reason) => this.#begin({ ...this.#resuming.get(follower)?.start, reset: reason }),
    })
  }

  /**
   * Sends the event from which the follower learns where it starts, with `start` in it, then what it wants of every commit after
   * that. A follower that comes back gets what it has missed instead of that event, if that can be found out.
   */
  follow(
    follower: Follower,
    { start = {}, wanted = { of: 'all' }, resumeFrom = '', bytesMax = Number.POSITIVE_INFINITY }: FollowOptions = {},
  ): Following {
    const from = resumeFrom === '' ? undefined : parseResumeId(resumeFrom)
    if (from !== undefined && this.#knows(from)) {
      if (resumeFrom === formatResumeId(this.#view.parts)) return this.#follow(follower, wanted, this.#makeReached())
      const resuming = new ResumingFollower(follower, wanted, from, this.#view.parts, bytesMax)
      return this.#resume(resuming, start)
    }
    const reset = resumeFrom === '' ? {} : { reset: 'unknown' satisfies ResetReason }
    return this.#follow(follower, wanted, this.#begin({ ...start, ...reset }))
  }

  /** Begins to follow with an event. */
  #follow(follower: Follower, wanted: Wanted, first: Buffer): Following {
    follower.send(first)
    const remove = this.#add(follower, wanted)
    const reached = () => this.#reachedNow()
    return {
      get reached() {
        return reached()
      },
      leave: remove,
    }
  }

  #resume(resuming: ResumingFollower, start: object): Following {
    this.#resuming.set(resuming, { start })
    this.#resumes.add(resuming)
    const reached = () => this.#reachedNow()
    return {
      get reached() {
        return resuming.isLive ? reached() : undefined
      },
      leave: () => {
        this.#resumes.remove(resuming)
        this.#resuming.get(resuming)?.remove?.()
        this.#resuming.delete(resuming)
      },
    }
  }

  /** What is committed from now on waits for a follower that comes back, if the parts are still those that it came for. */
  #join(resuming: ResumingFollower): boolean {
    const resume = this.#resuming.get(resuming)
    if (resume === undefined) return false
    const { parts } = this.#view
    if (parts.length !== resuming.parts.length || !parts.every((part, index) => part === resuming.parts[index])) {
      resuming.end()
      return false
    }
    resume.remove = this.#add(resuming, resuming.wanted)
    return true
  }

  #add(follower: Follower, wanted: Wanted): () => void {
    // The other followers do not follow a part that was added since: they have to begin again, with it.
    if (this.#subscription !== undefined && !this.#followsAllParts()) this.#end()
    const remove = this.#followers.add(follower, wanted)
    this.#subscription ??= this.#subscribe()
    return () => {
      remove()
      if (this.#followers.size === 0) this.#unsubscribe()
    }
  }

  /** Whether an id is of the parts that are here, and of the history that they have. */
  #knows({ identity, points }: ResumePoint): boolean {
    const { parts } = this.#view
    return (
      points.size === parts.length &&
      parts.every(({ partition, history }) => history?.identity === identity && points.has(partition))
    )
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
    this.#reached = undefined
  }

  #send(commit: ViewCommit): void {
    this.#reached = undefined
    // Thrown from here, a serde's error would reach the task that commits.
    try {
      for (const [follower, events] of this.#encode(commit)) follower.send(events)
    } catch (error) {
      const events = errorEvent(errorBody(error))
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
    const id = formatResumeId(this.#view.parts)
    const ofEach: [Follower, Buffer][] = [...selected].map(([follower, changes]) => [
      follower,
      commitEvents(changes, id, position),
    ])
    if (all.length === 0) return ofEach
    const shared = commitEvents(all, id, position)
    return [...Array.from(ofAll, (follower): [Follower, Buffer] => [follower, shared]), ...ofEach]
  }

  #end(): void {
    this.#unsubscribe()
    for (const follower of [...this.#followers]) follower.end()
  }

  /** The event with which a follower begins now. */
  #begin(fields: object): Buffer {
    const position = this.#position()
    return positionEvent(formatResumeId(this.#view.parts), { position, ...completeness(this.#view), ...fields })
  }

  /** The event for where the view was when something was sent last, or since: made once for all followers. */
  #reachedNow(): Buffer {
    this.#reached ??= this.#makeReached()
    return this.#reached
  }

  #makeReached(): Buffer {
    return reachedEvent(formatResumeId(this.#view.parts), this.#position())
  }

  #position(): string {
    return formatPosition(minimumPosition(this.#view.parts.map((part) => part.position)))
  }
}
