import { DURATION, isDuration } from './duration-problem.ts'
import type { PlanNode } from './node.ts'

/** What is wrong with a dedupe, in words; nothing for any other step. */
export function dedupeProblems(step: PlanNode): string[] {
  if (step.kind !== 'dedupe') return []
  const { withinMs, graceMs } = step
  const problem = isDuration(withinMs) && withinMs > 0 ? undefined : `within must be more than 0, and ${DURATION}`
  // A grace that is not given is as long as `within`: it is not a second problem.
  const second = isDuration(graceMs) || Object.is(graceMs, withinMs) ? undefined : `grace must be ${DURATION}`
  return [problem, second].flatMap((each) =>
    each === undefined ? [] : [`Step ${step.label} cannot find repeats: ${each}`],
  )
}
