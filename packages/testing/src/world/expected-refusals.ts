import { type ErrorCode, MillraceError } from '@millrace/core'
import { ProcessCrashed } from '../machine/disk-error.ts'

/** The error codes with which a process may end after a fault. */
const EXPECTED_REFUSALS: readonly ErrorCode[] = [
  'LOG_FULL',
  'LOG_WRITE_FAILED',
  'LOG_SYNC_FAILED',
  'WRITER_FENCED',
  'MEMBER_FENCED',
  'STATE_REBUILD_FAILED',
]

/** Whether an error is one that a fault justifies. */
export function isExpectedRefusal(error: unknown): boolean {
  return error instanceof ProcessCrashed || (error instanceof MillraceError && EXPECTED_REFUSALS.includes(error.code))
}

/** An auditor also gets the error of a failed sync through files that it had open. */
export function ignoreExpectedRefusal(error: unknown): void {
  if (!isExpectedRefusal(error)) throw error
}

/** An auditor of a job that is being set back also finds the job's own topics deleted, or replaced while it reads them. */
export function ignoreSetBack(error: unknown): void {
  if (error instanceof MillraceError && (error.code === 'TOPIC_MISSING' || error.code === 'TOPIC_REPLACED')) return
  ignoreExpectedRefusal(error)
}
