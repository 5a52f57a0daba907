import { changeEvent } from './change-events.ts'
import type { Follower, Wanted } from './followers.ts'
import type { ResumePoint } from './resume-id.ts'
import type { ViewPart } from './served-view.ts'

/**
 * Why a follower cannot get what it has missed, and must read the view again:
 *
 * - `unknown`: its id is not from these parts of the view, or not from the history that the view has now;
 * - `compacted`: compaction has removed changes that it has missed;
 * - `behind`: it has missed more than the server reads or sends again;
 * - `unavailable`: what it has missed could not be read in time.
 */
export type ResetReason = 'unknown' | 'compacted' | 'behind' | 'unavailable'

/**
 * A follower that comes back. Until it has what it has missed, what is committed meanwhile waits behind that; then everything
 * goes to the follower at once.
 */
export class ResumingFollower implements Follower {
  readonly wanted: Wanted
  readonly from: ResumePoint
  /** The parts of the view when it came. */
  readonly parts: readonly ViewPart[]
  readonly #follower: Follower
  readonly #bytesMax: number
  #missed: string[] = []
  #live: Buffer[] = []
  #bytes = 0
  #reset: ResetReason | undefined
  #isLive = false
  #gone = false

  /** `bytesMax`: how many bytes may wait for it. */
  constructor(follower: Follower, wanted: Wanted, from: ResumePoint, parts: readonly ViewPart[], bytesMax: number) {
    this.#follower = follower
    this.wanted = wanted
    this.from = from
    this.parts = parts
    this.#bytesMax = bytesMax
  }

  /** Whether it has got what it has missed, or has begun again. */
  get isLive(): boolean {
    return this.#isLive
  }

  /** Whether there is nothing to read for it: it must begin again, or is not there any more. */
  get isSettled(): boolean {
    return this.#gone || this.#reset !== undefined
  }

  /** Takes a change that it has missed, encoded. */
  takeMissed(json: string): void {
    if (this.#hasRoom()) this.#missed.push(json)
    this.#bytes += Buffer.byteLength(json)
  }

  /** Takes the events of a commit. */
  send(events: Buffer): void {
    if (this.#isLive) this.#follower.send(events)
    else {
      if (this.#hasRoom()) this.#live.push(events)
      this.#bytes += events.length
    }
  }

  /** It has to begin again. Only the first reason counts. */
  reset(reason: ResetReason): void {
    this.#reset ??= reason
    this.#missed = []
    this.#live = []
  }

  /** It is not there any more. */
  leave(): void {
    this.#gone = true
    this.#missed = []
    this.#live = []
  }

  end(): void {
    this.#follower.end()
  }

  /**
   * Everything that it has missed was taken: sends it, and what was committed meanwhile. `reached` is the event for where that
   * begins, and `position` makes the event with which a follower begins again now.
   */
  goLive(reached: Buffer, position: (reason: ResetReason) => Buffer): void {
    if (this.#gone) return
    this.#isLive = true
    if (this.#reset !== undefined) {
      this.#follower.send(position(this.#reset))
      return
    }
    const missed = Buffer.from(this.#missed.map(changeEvent).join(''))
    this.#follower.send(Buffer.concat([missed, reached, ...this.#live]))
    this.#missed = []
    this.#live = []
  }

  #hasRoom(): boolean {
    if (this.#bytes > this.#bytesMax) this.reset('behind')
    return !this.isSettled
  }
}
