import type { StorePlan, WindowStore } from '@millrace/core/internal'
import { type EventTime, NO_WATERMARK } from '../task/event-time.ts'
import type { ClockedOperator } from './clocked.ts'

/** What deleting some hundred entries costs, in records: see `WindowStore.expire`. */
const STEP_COST = 64

/** Deletes the windows of one store that ended longer ago, by event time, than the store keeps them. */
export class WindowRetention implements ClockedOperator {
  readonly name: string
  readonly time: EventTime
  /** The store itself shows what has expired. */
  readonly emits = false
  readonly #keptMs: number
  readonly #store: WindowStore<unknown, unknown>
  #expiredBefore = NO_WATERMARK
  #wantedBefore = NO_WATERMARK

  private constructor(name: string, keptMs: number, time: EventTime, store: WindowStore<unknown, unknown>) {
    this.name = name
    this.#keptMs = keptMs
    this.time = time
    this.#store = store
  }

  /** The retention that a store's plan states; undefined for a store that keeps everything. */
  static of(
    { name, shape, retentionMs }: StorePlan,
    time: EventTime,
    store: WindowStore<unknown, unknown>,
  ): WindowRetention | undefined {
    if (shape.kind !== 'window' || retentionMs === undefined) return undefined
    return new WindowRetention(name, shape.sizeMs + retentionMs, time, store)
  }

  get dueAt(): number {
    return this.#wantedBefore > this.#expiredBefore ? this.#wantedBefore : Number.POSITIVE_INFINITY
  }

  look(): void {
    this.#wantedBefore = Math.max(this.#wantedBefore, this.time.watermark - this.#keptMs)
  }

  step(): number {
    if (!this.#store.expire(this.#wantedBefore)) this.#expiredBefore = this.#wantedBefore
    return STEP_COST
  }

  save(): undefined {
    return undefined
  }

  resume(): void {
    this.#expiredBefore = NO_WATERMARK
    this.#wantedBefore = NO_WATERMARK
  }
}
