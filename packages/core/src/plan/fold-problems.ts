import type { PlanNode } from './node.ts'

/** What is wrong with a step's ready-made folds, in words; nothing if it has none. */
export function foldProblems(step: PlanNode): string[] {
  if (!('fold' in step) || step.fold === undefined) return []
  return step.fold.problems.map((problem) => `Step ${step.label} cannot compute this: ${problem}`)
}
