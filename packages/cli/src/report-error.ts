import { FatalError, MillraceError } from '@millrace/core'
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import { withOptionNames } from './option-names.ts'
import type { Io } from './terminal/io.ts'
import { printableLines } from './terminal/printable.ts'

/**
 * Reports on stderr, in one message, what failed. Text from data is escaped. A stack is printed only if MILLRACE_DEBUG
 * is set. Returns the exit code.
 */
export function reportError(io: Io, error: unknown): number {
  // Commander has already printed its own message, or the requested help.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (isClosedPipe(error)) return EXIT.ok
  const { red, dim } = io.colors
  const { code, message } = withCode(error)
  io.stderr.write(`${red(`${code}:`)} ${printableLines(withOptionNames(message))}\n`)
  if (io.env['MILLRACE_DEBUG']) io.stderr.write(`${dim(printableLines(stackOf(error)))}\n`)
  return exitCodeOf(code)
}

/** Errors that have no code of Millrace: errors of the system, and bugs of Millrace itself. */
export function withCode(error: unknown): MillraceError {
  if (error instanceof MillraceError) return error
  const message = error instanceof Error ? error.message : String(error)
  return error instanceof Error && 'syscall' in error
    ? new FatalError('SYSTEM_CALL_FAILED', `The operating system refused what the command needs: ${message}`, {
        cause: error,
      })
    : new FatalError(
        'INTERNAL_ERROR',
        `Millrace has a fault: ${message}. Please report it with what MILLRACE_DEBUG=1 prints`,
        { cause: error },
      )
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
