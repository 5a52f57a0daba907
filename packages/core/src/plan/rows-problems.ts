import { DURATION, isDuration } from './duration-problem.ts'
import type { PlanNode } from './node.ts'

/** What is wrong with how a table keeps its rows, in words; nothing for any other step. */
export function rowsProblems(step: PlanNode): string[] {
  if (step.kind !== 'toTable' || step.expiry === undefined) return []
  const { ttlMs } = step.expiry
  if (isDuration(ttlMs) && ttlMs > 0) return []
  return [`Step ${step.label} cannot keep rows for a time: ttl must be more than 0, and ${DURATION}`]
}
