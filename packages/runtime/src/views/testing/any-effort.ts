import type { PageEffort } from '../read-view.ts'

/** A page may cost what it likes. */
export const ANY_EFFORT: PageEffort = { enough: () => false, holds: () => {}, turn: async () => {} }
