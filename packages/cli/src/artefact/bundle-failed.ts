import { RefusedError } from '@millrace/core'

/** More problems than these are left out of a message. */
const PROBLEMS_SHOWN = 10

/** The error for a job file that runs, and cannot be bundled. */
export function bundleFailed(path: string, problems: readonly string[], cause?: unknown): RefusedError {
  const shown = problems.slice(0, PROBLEMS_SHOWN).map((problem) => `\n  ${problem}`)
  const more = problems.length > PROBLEMS_SHOWN ? `\n  and ${problems.length - PROBLEMS_SHOWN} more` : ''
  return new RefusedError('JOB_BUNDLE_FAILED', `Job file ${path} cannot be bundled:${shown.join('')}${more}`, {
    file: path,
    cause,
  })
}

/** `file:line: text`; without the line if it is 0. */
export function placeInFile(file: string, line: number, text: string): string {
  return `${file}${line === 0 ? '' : `:${line}`}: ${text}`
}
