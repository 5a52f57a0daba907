import { DURATION, isDuration } from './duration-problem.ts'
import type { PlanNode } from './node.ts'

/** A record is in `size / advance` windows and changes each of them. More than this is a mistake, such as ms for minutes. */
const WINDOWS_PER_RECORD_MAX = 10_000

/** What is wrong with a step's windows, in words; nothing if it has none. */
export function windowProblems(step: PlanNode): string[] {
  if (!('window' in step) || step.window === undefined) return []
  const { kind, sizeMs, advanceMs, graceMs, retentionMs } = step.window
  const problems = [
    isLength(sizeMs) ? undefined : `size must be more than 0, and ${DURATION}`,
    kind === 'hopping' ? advanceProblem(sizeMs, advanceMs) : undefined,
    isDuration(graceMs) ? undefined : `grace must be ${DURATION}`,
    retentionMs === undefined ? undefined : retentionProblem(retentionMs, graceMs),
  ]
  return problems.flatMap((problem) =>
    problem === undefined ? [] : [`Step ${step.label} cannot have these windows: ${problem}`],
  )
}

function advanceProblem(sizeMs: number, advanceMs: number): string | undefined {
  if (!isLength(advanceMs)) return `advance must be more than 0, and ${DURATION}`
  if (advanceMs > sizeMs) return 'advance must not be more than the size, because records would fall between windows'
  if (sizeMs / advanceMs <= WINDOWS_PER_RECORD_MAX) return undefined
  return `advance must be longer, because each record would be in more than ${WINDOWS_PER_RECORD_MAX} windows`
}

function retentionProblem(retentionMs: number, graceMs: number): string | undefined {
  if (!isDuration(retentionMs)) return `retention must be ${DURATION}`
  return retentionMs < graceMs
    ? 'retention must be at least the grace, because a window accepts late records for that long'
    : undefined
}

function isLength(ms: number): boolean {
  return isDuration(ms) && ms > 0
}
