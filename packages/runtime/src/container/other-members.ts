import type { Assignment } from '@millrace/core'
import type { OtherMember } from './view-parts.ts'

/** The other members of a group that answer, with the tasks that they have. */
export function otherMembers(assignment: Assignment | undefined, self: string | undefined): OtherMember[] {
  return (assignment?.members ?? []).flatMap(({ member, address, tasks, standbys = [] }) =>
    member === self || address === null ? [] : [{ address, tasks, standbys }],
  )
}
