import type { ViewDescription } from '@millrace/client'
import type { Ranked } from '@millrace/core'

/** The rows of an entry of a view that is a top N, the first one first; undefined for other views, and for a deleted entry. */
export function rankedRows(
  value: unknown,
  view: Pick<ViewDescription, 'value'>,
): readonly Ranked<unknown, unknown>[] | undefined {
  return view.value.startsWith('ranking(') && Array.isArray(value) ? value : undefined
}
