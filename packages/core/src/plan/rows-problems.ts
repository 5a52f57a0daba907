import { DURATION, isDuration } from './duration-problem.ts'
import type { PlanNode } from './node.ts'

/** What is wrong with how a table keeps its rows, in words; nothing for any other step. */
export function rowsProblems(step: PlanNode): string[] {
  if (step.kind !== 'toTable') return []
  const { expiry, history, label } = step
  const problems = [
    ...(expiry === undefined ? [] : durationProblems('ttl', expiry.ttlMs)),
    ...(history === undefined ? [] : durationProblems('history', history.keptMs)),
    ...(expiry === undefined || history === undefined ? [] : ['it can have a ttl or a history, and not both']),
  ]
  return problems.map((problem) => `Step ${label} cannot keep its rows: ${problem}`)
}

function durationProblems(option: string, ms: number): string[] {
  return isDuration(ms) && ms > 0 ? [] : [`${option} must be more than 0, and ${DURATION}`]
}
