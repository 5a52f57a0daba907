import { DURATION, isDuration } from './duration-problem.ts'
import type { PlanNode } from './node.ts'

/** What is wrong with a step that puts records in order, in words; nothing for any other step. */
export function orderProblems(step: PlanNode): string[] {
  if (step.kind !== 'inOrder' || isDuration(step.graceMs)) return []
  return [`Step ${step.label} cannot wait for records: grace must be ${DURATION}`]
}
