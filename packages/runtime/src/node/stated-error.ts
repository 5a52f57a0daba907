import { MillraceError, type StatedError } from '@millrace/core'

/** An error as a node records and reports it. */
export function statedError(error: unknown): StatedError {
  if (error instanceof MillraceError) return { code: error.code, message: error.message }
  return { code: 'INTERNAL_ERROR', message: error instanceof Error ? error.message : String(error) }
}
