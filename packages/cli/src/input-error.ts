import { RefusedError } from '@millrace/core'

/** The error for input that the command cannot use. */
export function badInput(message: string, cause?: unknown): RefusedError {
  return new RefusedError('BAD_INPUT', message, { cause })
}

/** The error for options and arguments that cannot be combined. */
export function badUsage(message: string): RefusedError {
  return new RefusedError('BAD_USAGE', message)
}

/** The error for a file that does not exist or cannot be read. */
export function unreadableFile(path: string, cause: unknown): RefusedError {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ENOENT') {
    return new RefusedError('FILE_MISSING', `File ${path} does not exist. Check the path`, { file: path, cause })
  }
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new RefusedError('BAD_INPUT', `File ${path} cannot be read: ${reason}`, { file: path, cause })
}
