import { DURATION, isLength } from './duration-problem.ts'
import type { PlanNode } from './node.ts'

/** What is wrong with a table that changes now and then, in words; nothing for any other step. */
export function everyProblems(step: PlanNode): string[] {
  if (step.kind !== 'tableEvery' || isLength(step.everyMs)) return []
  return [`Step ${step.label} cannot wait so long: the time must be more than 0, and ${DURATION}`]
}
