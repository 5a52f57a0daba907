import type { Serde } from '../contracts/serde.ts'
import type { StoreShape } from '../contracts/store-shape.ts'

/** A store as the plan names it: also the view's name, and its part of the changelog. */
export interface StorePlan {
  readonly name: string
  readonly key: Serde<never>
  readonly value: Serde<never>
  /** How views read the bytes that `value` writes, if they show something else than the step keeps. Absent: as `value` does. */
  readonly shown?: Serde<never>
  readonly shape: StoreShape
  /** Windows and intervals that ended, and instants that were, longer ago than this (by event time) are deleted; undefined keeps them. */
  readonly retentionMs: number | undefined
  /** Whether each value is stored with the highest event time of what it was computed from: the time of its next change. */
  readonly timed: boolean
}
