import type { PageEffort } from '../read-view.ts'

/** A page without limits on its cost. */
export const ANY_EFFORT: PageEffort = { enough: () => false, holds: () => {}, turn: async () => {} }
