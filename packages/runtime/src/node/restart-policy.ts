import { ERROR_CODES, type StatedError } from '@millrace/core'

/** A container that has failed for the first time starts again after this long. */
const RESTART_MS_MIN = 500
/** The longest pause between two starts. */
const RESTART_MS_MAX = 30_000
/** A container that has run this long is healthy: its next failure counts as the first. */
const HEALTHY_MS_MIN = 60_000
/**
 * After so many failures one after the other, a container is given up: the pauses before the starts (0.5, 1, 2, 4, 8, 16, 30 s)
 * add up to a minute.
 */
const FAILURES_MAX = 8

/** What follows the end of a container that was to go on running. */
export type AfterFailure = { readonly restartInMs: number } | 'give up'

/**
 * Refusals that go away by themselves: others still have the job's tasks, or its name, or a topic of the job gets another number of
 * partitions, which it has at the next start.
 */
const PASSING: readonly string[] = ['JOB_RUNNING', 'JOB_CHANGED', 'TOPIC_RESCALED']

/**
 * What follows the `failures`th failure in a row. A refused start is given up at once: it has changed nothing, and the next one
 * would be refused as well.
 */
export function afterFailure(failures: number, error: StatedError): AfterFailure {
  const refused = ERROR_CODES[error.code] === 'refused' && !PASSING.includes(error.code)
  if (refused || failures >= FAILURES_MAX) return 'give up'
  return { restartInMs: Math.min(RESTART_MS_MAX, RESTART_MS_MIN * 2 ** (failures - 1)) }
}

/** How many failures in a row one more makes, if the container had run for `ranMs` before it. */
export function failuresInRow(before: number, ranMs: number): number {
  return ranMs >= HEALTHY_MS_MIN ? 1 : before + 1
}
