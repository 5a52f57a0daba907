import type { PlanNode } from './node.ts'
import { TOP_ROWS_MAX } from './top.ts'

/** What is wrong with a top N, in words; nothing for any other step. */
export function topProblems(step: PlanNode): string[] {
  // Its second step has the same.
  if (step.kind !== 'rankRows') return []
  const { rows, order } = step.top
  const problems: string[] = []
  if (!(Number.isSafeInteger(rows) && rows >= 1 && rows <= TOP_ROWS_MAX)) {
    problems.push(`Step ${step.label} cannot have ${rows} rows. Give a whole number from 1 to ${TOP_ROWS_MAX}`)
  }
  if (order !== 'descending' && order !== 'ascending') {
    problems.push(`Step ${step.label} has no order ${JSON.stringify(order)}. Choose 'descending' or 'ascending'`)
  }
  return problems
}
