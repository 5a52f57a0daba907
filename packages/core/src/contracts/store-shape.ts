import type { Serde } from './serde.ts'

/** What identifies an entry of a store, besides its key. */
export type StoreShape = KeyShape | SortedShape | WindowShape | IntervalShape | InstantShape

/** One entry for each key. */
export interface KeyShape {
  readonly kind: 'key'
}

/** One entry for each key, and a second order of the entries, which each value has beside it: what a top N needs. */
export interface SortedShape {
  readonly kind: 'sorted'
  /** How the order is written. Its bytes, made sortable, are what entries are sorted by. */
  readonly order: Serde<never>
}

/** One entry for each key and window. All windows have the same size, so that a window's start determines its end. */
export interface WindowShape {
  readonly kind: 'window'
  /** The windows' size, ms. */
  readonly sizeMs: number
}

/** Any number of entries for each key: one for each interval. What sessions need, whose windows have no fixed size. */
export interface IntervalShape {
  readonly kind: 'interval'
}

/** Any number of entries for each key: one for each instant and sequence. What join buffers, timers and versions need. */
export interface InstantShape {
  readonly kind: 'instant'
}

/** A window: from `start` (inclusive) to `end` (exclusive), ms since the epoch. */
export interface WindowBounds {
  readonly start: number
  readonly end: number
}

/** A time, and what distinguishes the entries of a key that have the same. */
export interface Instant {
  /** Ms since the epoch. */
  readonly at: number
  readonly sequence: number
}

/** Whether the entries of a store have windows, each with a start and an end. */
export function hasWindows(shape: StoreShape): shape is WindowShape | IntervalShape {
  return shape.kind === 'window' || shape.kind === 'interval'
}

/** The size of a store's windows, if they all have the same. */
export function windowMsOf(shape: StoreShape): number | undefined {
  return shape.kind === 'window' ? shape.sizeMs : undefined
}
