import { type Log, RefusedError } from '@millrace/core'

/**
 * The largest number of standbys of a task. On one machine they are copies in one directory, of which there are 8: so 3 are left
 * for the owner, and for processes that were stopped and fenced.
 */
const STANDBYS_MAX = 4

/** Throws `UNSUPPORTED` for a number of standbys that a job cannot have on a log. */
export function requireStandbys(job: string, { kind, location, capabilities }: Log, standbys: number): void {
  const isPossible = Number.isSafeInteger(standbys) && standbys >= 0 && standbys <= STANDBYS_MAX
  if (isPossible && (standbys === 0 || capabilities.membership)) return
  throw new RefusedError(
    'UNSUPPORTED',
    isPossible
      ? `Job ${job} cannot have standbys on the ${kind} log at ${location}, where only one process runs a job. Start it without standbys`
      : `Job ${job} cannot have ${standbys} standbys of each task. Choose a whole number from 0 to ${STANDBYS_MAX}`,
    { job },
  )
}
