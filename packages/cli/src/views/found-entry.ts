import type { Window } from '@millrace/client'

/** An entry of a view by name: plain JSON. */
export interface FoundEntry {
  readonly key: unknown
  readonly window?: Window
  readonly value: unknown
}
