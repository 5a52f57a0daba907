import { formatPosition, type Position, RetriableError } from '@millrace/core'
import type { ServedView } from './served-view.ts'

/** The wait for a position took too long; reports what the view reflects now. */
export class PositionNotReached extends RetriableError {
  readonly position: Position

  constructor(view: ServedView, wanted: Position, position: Position) {
    super(
      'POSITION_NOT_REACHED',
      `View ${view.name} does not reflect ${formatPosition(wanted)} yet. It is at ${formatPosition(position)}. ` +
        'Retry, or use a longer timeout',
      { store: view.name },
    )
    this.position = position
  }
}
