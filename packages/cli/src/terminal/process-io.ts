import { FatalError, MillraceError } from '@millrace/core'
import pc from 'picocolors'
import { placeOf } from '../place-of-error.ts'
import { reportError } from '../report-error.ts'
import type { Io } from './io.ts'

/** The process's own streams, signals and environment. A second signal ends the process at once. */
export function processIo(): Io {
  const stop = new AbortController()
  let handled = false
  const onSignal = (signal: 'SIGINT' | 'SIGTERM') => {
    if (!handled || stop.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    stop.abort()
  }
  process.on('SIGINT', onSignal)
  process.on('SIGTERM', onSignal)
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader needs no more (`millrace … | head`). That is not a failure.
    if (error.code !== 'EPIPE') process.exitCode = reportError(io, outputFailed(error))
    if (!handled) process.exit()
    stop.abort()
  })
  // Messages have no other place. A job continues when the disk of its messages is full.
  process.stderr.on('error', () => undefined)
  // As after any crash, the next start continues from the last commit.
  process.on('uncaughtException', (error) => process.exit(reportError(io, uncaught(error))))
  const { env } = process
  const interactive = process.stderr.isTTY === true && env['CI'] === undefined && env['TERM'] !== 'dumb'
  const io: Io = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env,
    colors: pc.createColors(pc.isColorSupported && process.stdout.isTTY === true && !env['NO_COLOR']),
    interactive,
    stopSignal() {
      handled = true
      return stop.signal
    },
  }
  return io
}

function outputFailed(cause: Error): FatalError {
  return new FatalError(
    'OUTPUT_FAILED',
    `Stdout cannot be written, so the output is incomplete: ${cause.message}. Free some space, or send the output ` +
      'elsewhere, and run the command again',
    { cause },
  )
}

/** Errors that no code waited for: from a timer, or from a promise without `await`, most often in a job file. */
function uncaught(error: unknown): unknown {
  if (error instanceof MillraceError) return error
  const what = error instanceof Error ? `${error.name}: ${error.message}${placeOf(error)}` : String(error)
  return new FatalError(
    'UNCAUGHT_ERROR',
    `An error was not caught: ${what}. A timer, or a promise without await, threw it. The process stops. Catch the error ` +
      'where it happens, and start again: a job continues from its last commit',
    { cause: error },
  )
}
