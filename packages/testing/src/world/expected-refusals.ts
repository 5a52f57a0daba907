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
