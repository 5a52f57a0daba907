import type { Env } from '@millrace/core'
import { HistoryScan } from './history-scan.ts'
import { RESUME_MS_MAX, RESUME_SLICE_MS } from './limits.ts'
import type { ResetReason, ResumingFollower } from './resuming-follower.ts'
import type { ServedView, ViewPart } from './served-view.ts'

/** What resumes need of the feed. */
export interface ResumesOptions {
  readonly view: ServedView
  readonly env: Pick<Env, 'clock' | 'timers'>
  /** Lets what is committed from now on wait for a follower. Returns false if that cannot be done. */
  readonly join: (follower: ResumingFollower) => boolean
  /** The event that states where the view is now. */
  readonly reached: () => Buffer
  /** The event with which a follower begins again now. */
  readonly position: (follower: ResumingFollower, reason: ResetReason) => Buffer
}

/**
 * Gives followers that come back what they have missed. Those that come while it reads wait, and are then served together: however
 * many come back at a time, each part's history is read twice at most.
 */
export class Resumes {
  readonly #options: ResumesOptions
  readonly #waiting = new Set<ResumingFollower>()
  /** By part: the last offset from which the end was too far. */
  readonly #tooFar = new Map<ViewPart, number>()
  #isRunning = false

  constructor(options: ResumesOptions) {
    this.#options = options
  }

  add(follower: ResumingFollower): void {
    this.#waiting.add(follower)
    if (!this.#isRunning) void this.#run()
  }

  remove(follower: ResumingFollower): void {
    this.#waiting.delete(follower)
    follower.leave()
  }

  async #run(): Promise<void> {
    const { timers } = this.#options.env
    this.#isRunning = true
    while (this.#waiting.size > 0) {
      // Those that come in the same turn share a scan.
      await timers.turn()
      const followers = [...this.#waiting]
      this.#waiting.clear()
      const late = new AbortController()
      const timer = timers.after(RESUME_MS_MAX, () => late.abort())
      await this.#serve(followers, late.signal).finally(() => timer.cancel())
    }
    this.#isRunning = false
  }

  async #serve(found: readonly ResumingFollower[], signal: AbortSignal): Promise<void> {
    const { view, env, join, reached, position } = this.#options
    // At one moment: up to it they get what they have missed, and from it on what is committed.
    const followers = found.filter(join)
    const upTo = reached()
    const ends = view.parts.map((part) => ({ part, end: part.history?.point.nextOffset ?? 0 }))
    for (const { part, end } of ends) await this.#readPart(part, end, followers, signal)
    const { clock, timers } = env
    let untilMs = clock.monotonic() + RESUME_SLICE_MS
    for (const follower of followers) {
      follower.goLive(upTo, (reason) => position(follower, reason))
      if (clock.monotonic() < untilMs) continue
      await timers.turn()
      untilMs = clock.monotonic() + RESUME_SLICE_MS
    }
  }

  async #readPart(
    part: ViewPart,
    end: number,
    followers: readonly ResumingFollower[],
    signal: AbortSignal,
  ): Promise<void> {
    const { view, env } = this.#options
    const { history } = part
    if (history === undefined) return
    await env.timers.turn()
    const tooFar = this.#tooFar.get(part) ?? -1
    for (const follower of followers) {
      if ((follower.from.points.get(part.partition)?.nextOffset ?? 0) <= tooFar) follower.reset('behind')
    }
    try {
      const scan = new HistoryScan({ view, ...env, signal }, part, history, end)
      this.#tooFar.set(part, Math.max(tooFar, await scan.read(followers)))
    } catch {
      // Whatever is wrong with the history, the view can be read.
      for (const follower of followers) follower.reset('unavailable')
    }
  }
}
