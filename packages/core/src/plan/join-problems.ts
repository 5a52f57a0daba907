import { hasWindows } from '../contracts/store-shape.ts'
import { DURATION, isDuration } from './duration-problem.ts'
import type { PlanNode } from './node.ts'

/** What is wrong with a join, in words; nothing for any other step. */
export function joinProblems(step: PlanNode): string[] {
  if (step.kind === 'streamJoin' || step.kind === 'joinAll') {
    const { beforeMs, afterMs, graceMs } = step.reach
    const problems = [
      step.inputs.length >= 2 ? [] : [`it has ${step.inputs.length === 1 ? 'one stream' : 'none'}. Name at least two`],
      isDuration(beforeMs) && isDuration(afterMs) ? [] : [`within must be ${DURATION}`],
      isDuration(graceMs) ? [] : [`grace must be ${DURATION}`],
    ]
    return problems.flat().map((problem) => `Step ${step.label} cannot join these streams: ${problem}`)
  }
  if (step.kind === 'asOfJoin' && !isDuration(step.graceMs)) {
    return [`Step ${step.label} cannot join the stream with the table: grace must be ${DURATION}`]
  }
  if (step.kind === 'tableLookup' && hasWindows(step.rows.shape)) {
    return [
      `Step ${step.label} joins a stream with a table of windows: a record has no row there. Join it with a table by key, or ` +
        'join the changes() of the table as a stream',
    ]
  }
  return []
}
