import type { Writable } from 'node:stream'
import { RefusedError } from '@millrace/core'
import { exitCodeOf } from '../exit-codes.ts'
import { printableLines } from '../terminal/printable.ts'

/** If a job file still loads after this time, that is reported. Reading a file or a small answer takes less. */
const LOADING_NOTE_MS = 5_000

/** The exit codes of SIGINT and SIGTERM, which end a command that does not handle them. */
const SIGNAL_CODES: readonly unknown[] = [130, 143]

export interface LoadingOptions {
  /** Ends the loading. */
  readonly stop?: AbortSignal
  /** Receives what is reported before the loading has ended. */
  readonly stderr?: Writable
}

/** Watches the loading of a job file, whose code may never end, or may end the process. */
export interface LoadingWatch {
  /** Rejects if the loading cannot end, or if it is stopped. */
  readonly cut: Promise<never>
  /** The file is loaded: from here on, only a stop rejects `cut`. */
  loaded(): void
  end(): void
}

/**
 * Watches the loading of a job file until `end`. Node ends a process silently if nothing can settle a promise any more, or
 * if the file calls `process.exit`. Both are reported as `JOB_FILE_BROKEN`.
 */
export function watchLoading(path: string, { stop, stderr = process.stderr }: LoadingOptions): LoadingWatch {
  const { promise: cut, reject } = Promise.withResolvers<never>()
  // The caller decides whether to await it.
  cut.catch(() => {})
  const onSlow = () =>
    reject(
      brokenJobFile(path, 'never finishes loading, because it awaits something that never comes. Remove that await'),
    )
  const onExit = (code: number) => {
    if (SIGNAL_CODES.includes(code)) return
    const error = brokenJobFile(
      path,
      `ends the process while it is loaded, with exit code ${code}. A job file only exports a job`,
    )
    process.exitCode = exitCodeOf(error.code)
    stderr.write(`${error.code}: ${printableLines(error.message)}\n`)
  }
  const onStop = () => {
    end()
    reject(stop?.reason)
  }
  const note = setTimeout(() => {
    const text = `Job file ${path} is still loading after ${LOADING_NOTE_MS / 1000} s. It awaits something that has not come yet`
    stderr.write(`${printableLines(text)}\n`)
  }, LOADING_NOTE_MS)
  // The timer must not keep a process alive that has nothing else to wait for.
  note.unref()
  const loaded = () => {
    clearTimeout(note)
    process.off('beforeExit', onSlow)
    process.off('exit', onExit)
    process.off('uncaughtExceptionMonitor', loaded)
  }
  const end = () => {
    loaded()
    stop?.removeEventListener('abort', onStop)
  }
  process.once('beforeExit', onSlow)
  process.once('exit', onExit)
  // The command reports it, and ends the process itself.
  process.once('uncaughtExceptionMonitor', loaded)
  stop?.addEventListener('abort', onStop)
  if (stop?.aborted) onStop()
  return { cut, loaded, end }
}

/** A `JOB_FILE_BROKEN` that states what the file does wrong. */
export function brokenJobFile(path: string, what: string, cause?: unknown): RefusedError {
  return new RefusedError('JOB_FILE_BROKEN', `Job file ${path} ${what}`, { file: path, cause })
}
