import { FatalError } from '@millrace/core'
import pc from 'picocolors'
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
    // Who reads our output has had enough (`millrace … | head`): that is no failure.
    if (error.code !== 'EPIPE') process.exitCode = reportError(io, outputFailed(error))
    if (!handled) process.exit()
    stop.abort()
  })
  // There is nobody left to tell; a job goes on when the disk of its messages is full.
  process.stderr.on('error', () => undefined)
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
    `Stdout cannot be written, so the output ends before it is whole: ${cause.message}. Make room where it goes, or send it ` +
      'elsewhere, and run the command again',
    { cause },
  )
}
