import { type StorePlan, type TimedStore, windowMsOf } from '@millrace/core/internal'
import { NO_WATERMARK, type Reached } from '../../task/event-time.ts'
import type { ClockedOperator } from './clocked.ts'

/** What deleting some hundred entries costs, in records: see `TimedStore.expire`. */
const STEP_COST = 64

/** A store that deletes by time. */
export type Expiring = Pick<TimedStore<unknown, unknown, never>, 'expire'>

/** Deletes the entries of one store that ended longer ago, by event time, than the store keeps them. */
export class StoreRetention implements ClockedOperator {
  readonly name: string
  readonly time: Reached
  /** The store itself shows what has expired. */
  readonly emits = false
  readonly #keptMs: number
  readonly #store: Expiring
  #expiredBefore = NO_WATERMARK
  #wantedBefore = NO_WATERMARK

  private constructor(name: string, keptMs: number, time: Reached, store: Expiring) {
    this.name = name
    this.#keptMs = keptMs
    this.time = time
    this.#store = store
  }

  /** The retention that a store's plan states; undefined for a store that keeps everything. */
  static of({ name, shape, retentionMs }: StorePlan, time: Reached, store: Expiring): StoreRetention | undefined {
    if (retentionMs === undefined) return undefined
    // The time of an entry is the start of its window, the end of its interval, or its instant.
    return new StoreRetention(name, (windowMsOf(shape) ?? 0) + retentionMs, time, store)
  }

  /** What is complete at the same watermark, or before it, is emitted first. */
  get dueAt(): number {
    return this.#wantedBefore > this.#expiredBefore ? this.#wantedBefore + this.#keptMs : Number.POSITIVE_INFINITY
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
