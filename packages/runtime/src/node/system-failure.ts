import { FatalError } from '@millrace/core'

/** Whether the operating system has refused a call. */
export function isSystemError(error: unknown): error is Error {
  return error instanceof Error && 'syscall' in error
}

/** The error to report for an operation on a job that has failed: what the system has refused, as on a full disk, gets a code. */
export function withCode(job: string, operation: string, error: unknown): unknown {
  if (!isSystemError(error)) return error
  return new FatalError(
    'SYSTEM_CALL_FAILED',
    `The change of job ${job} (${operation}) has failed: ${error.message}. Free some space, or check the disk, and try again`,
    { job, cause: error },
  )
}
