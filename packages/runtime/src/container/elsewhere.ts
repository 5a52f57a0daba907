import type { Assignment } from '@millrace/core'
import type { Elsewhere } from './view-parts.ts'

/** The other members of a group that answer, with the tasks that they have. */
export function elsewhere(assignment: Assignment | undefined, self: string | undefined): Elsewhere[] {
  return (assignment?.members ?? []).flatMap(({ member, address, tasks }) =>
    member === self || address === null ? [] : [{ address, tasks }],
  )
}
