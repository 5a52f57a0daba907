import type { PlanNode } from './node.ts'

/** A record is in `size / advance` windows and changes each of them: past this it is a mistake, such as ms for minutes. */
const WINDOWS_PER_RECORD_MAX = 10_000

/** What is wrong with a step's windows, in words; nothing where it has none. */
export function windowProblems(step: PlanNode): string[] {
  if (step.kind !== 'aggregate' || step.window === undefined) return []
  const { sizeMs, advanceMs, graceMs, retentionMs } = step.window
  const wrong: string[] = []
  const check = (holds: boolean, problem: string) => {
    if (!holds) wrong.push(`${step.label}: ${problem}`)
  }
  check(isDuration(sizeMs) && sizeMs > 0, `the windows' size must be ${DURATION}, more than 0`)
  check(isDuration(advanceMs) && advanceMs > 0, `the windows' advance must be ${DURATION}, more than 0`)
  check(isDuration(graceMs), `the windows' grace must be ${DURATION}`)
  check(retentionMs === undefined || isDuration(retentionMs), `the windows' retention must be ${DURATION}`)
  check(!(advanceMs > sizeMs), `the windows' advance must not be more than their size, or records would fall between`)
  check(
    !(sizeMs / advanceMs > WINDOWS_PER_RECORD_MAX),
    `each record would be in more than ${WINDOWS_PER_RECORD_MAX} windows: make the advance longer`,
  )
  check(
    !(retentionMs !== undefined && retentionMs < graceMs),
    "the windows' retention must be at least their grace: a window that still takes records must be there",
  )
  // Two problems of one number are one mistake.
  return [...new Set(step.window.kind === 'tumbling' ? wrong.filter((text) => !text.includes(' advance ')) : wrong)]
}

const DURATION = "a number of whole ms, or text such as '500ms', '10s', '5m', '1h', '1d'"

function isDuration(ms: number): boolean {
  return Number.isSafeInteger(ms) && ms >= 0
}
