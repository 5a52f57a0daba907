import { type ErrorCode, MillraceError } from '@millrace/core'
import { ProcessCrashed } from '../machine/disk-error.ts'

/** What a process may end with, for what was done to it. */
const HONEST: readonly ErrorCode[] = [
  'LOG_FULL',
  'LOG_WRITE_FAILED',
  'LOG_SYNC_FAILED',
  'WRITER_FENCED',
  'MEMBER_FENCED',
  'STATE_REBUILD_FAILED',
]

/** Whether an error is a refusal that some fault justifies. */
export function isHonest(error: unknown): boolean {
  return error instanceof ProcessCrashed || (error instanceof MillraceError && HONEST.includes(error.code))
}
