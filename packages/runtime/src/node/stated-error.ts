import { MillraceError, type StatedError } from '@millrace/core'
import { isSystemError } from './system-failure.ts'

/** An error as a node records and reports it. */
export function statedError(error: unknown): StatedError {
  if (error instanceof MillraceError) return { code: error.code, message: error.message }
  const message = error instanceof Error ? error.message : String(error)
  if (isSystemError(error)) return { code: 'SYSTEM_CALL_FAILED', message }
  return { code: 'INTERNAL_ERROR', message }
}
