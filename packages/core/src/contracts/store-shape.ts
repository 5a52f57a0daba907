/** What identifies an entry of a store, besides its key. */
export type StoreShape = KeyShape | WindowShape

/** One entry for each key. */
export interface KeyShape {
  readonly kind: 'key'
}

/** One entry for each key and window. All windows have the same size, so that a window's start determines its end. */
export interface WindowShape {
  readonly kind: 'window'
  /** The windows' size, ms. */
  readonly sizeMs: number
}

/** A window: from `start` (inclusive) to `end` (exclusive), ms since the epoch. */
export interface WindowBounds {
  readonly start: number
  readonly end: number
}

/** The size of a store's windows, if they all have the same. */
export function windowMsOf(shape: StoreShape): number | undefined {
  return shape.kind === 'window' ? shape.sizeMs : undefined
}
