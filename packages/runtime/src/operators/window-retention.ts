import type { StorePlan, WindowStore } from '@millrace/core/internal'
import { type EventTime, NO_WATERMARK } from '../task/event-time.ts'

/** Deletes the windows of one store that ended longer ago, by event time, than the store keeps them. */
export class WindowRetention {
  readonly #keptMs: number
  readonly #time: EventTime
  readonly #store: WindowStore<unknown, unknown>

  private constructor(keptMs: number, time: EventTime, store: WindowStore<unknown, unknown>) {
    this.#keptMs = keptMs
    this.#time = time
    this.#store = store
  }

  /** The retention that a store's plan states; undefined for one that keeps everything. */
  static of(
    { windowMs, retentionMs }: StorePlan,
    time: EventTime,
    store: WindowStore<unknown, unknown>,
  ): WindowRetention | undefined {
    if (windowMs === undefined || retentionMs === undefined) return undefined
    return new WindowRetention(windowMs + retentionMs, time, store)
  }

  /** Called at commits: what is deleted then is part of the commit. */
  expire(): void {
    if (this.#time.watermark !== NO_WATERMARK) this.#store.expire(this.#time.watermark - this.#keptMs)
  }
}
