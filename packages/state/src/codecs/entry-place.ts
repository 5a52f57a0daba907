import type { Instant, StoreShape, WindowBounds } from '@millrace/core/internal'

/** The two times of a stored key as what they mean in a store of that shape. */
export function placeOf(
  { kind }: StoreShape,
  start: number,
  end: number,
): { readonly window: WindowBounds } | { readonly instant: Instant } {
  return kind === 'instant' ? { instant: { at: start, sequence: end } } : { window: { start, end } }
}
