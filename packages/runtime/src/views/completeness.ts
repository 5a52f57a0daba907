import { formatPosition, type Position } from '@millrace/core'
import type { ServedView } from './served-view.ts'

/** The fields of an answer about a view that does not count from the start of its inputs; none for other views. */
export function completeness({ completeFrom }: ServedView): { readonly completeFrom?: string } {
  return isFromStart(completeFrom) ? {} : { completeFrom: formatPosition(completeFrom) }
}

function isFromStart(completeFrom: Position): boolean {
  return Object.keys(completeFrom).length === 0
}
