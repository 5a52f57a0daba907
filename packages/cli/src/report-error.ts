import { MillraceError } from '@millrace/core'
import { CommanderError } from 'commander'
import { EXIT, exitCodeOf } from './exit-codes.ts'
import type { Io } from './terminal/io.ts'
import { printableLines } from './terminal/printable.ts'

/** Says what went wrong in one message on stderr, with what came from data escaped, without a stack unless MILLRACE_DEBUG is set; returns the exit code. */
export function reportError(io: Io, error: unknown): number {
  // Commander has printed its own message, or the help that was asked for.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
  if (isClosedPipe(error)) return EXIT.ok
  const { red, dim } = io.colors
  if (error instanceof MillraceError) {
    io.stderr.write(`${red(`${error.code}:`)} ${printableLines(error.message)}\n`)
  } else {
    io.stderr.write(`${red('error:')} ${printableLines(error instanceof Error ? error.message : String(error))}\n`)
  }
  if (io.env['MILLRACE_DEBUG']) io.stderr.write(`${dim(printableLines(stackOf(error)))}\n`)
  return error instanceof MillraceError ? exitCodeOf(error.code) : EXIT.failed
}

function isClosedPipe(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EPIPE'
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
