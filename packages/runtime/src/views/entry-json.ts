import type { StoreChange, WindowBounds } from '@millrace/core/internal'
import type { ServedView } from './served-view.ts'

/** An entry or a change as plain JSON. */
export interface JsonEntry {
  readonly key: unknown
  /** Only in a windowed view. */
  readonly window?: WindowBounds
  /** Null in a change: the entry was deleted. */
  readonly value: unknown
}

/** An entry or a change of a view through the view's serdes. */
export function jsonEntry(view: ServedView, entry: StoreChange): JsonEntry {
  const { key, window, value } = entry
  return {
    key: view.key.toJson(key),
    ...(window && { window: { start: window.start, end: window.end } }),
    value: value === null || value === undefined ? null : view.value.toJson(value),
  }
}
