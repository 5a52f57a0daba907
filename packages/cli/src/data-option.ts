import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type Log, RefusedError } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { Option } from 'commander'
import { printable } from './terminal/printable.ts'

/** The options of every command that reads or writes data. */
export interface DataOptions {
  readonly data: string
}

const USUAL_DIRECTORY = '.millrace'

/** The option that names the data directory. */
export function dataOption(): Option {
  const option = new Option('--data <dir>', 'the data directory').default(USUAL_DIRECTORY).env('MILLRACE_DATA')
  // An empty variable counts as not set.
  return option.argParser((directory) => (directory === '' ? USUAL_DIRECTORY : directory))
}

/** What a suggested command needs to use the same data directory: ` --data <dir>`, or nothing if it is the default. */
export function dataArgument(data: string): string {
  return data === USUAL_DIRECTORY ? '' : ` --data ${printable(data)}`
}

export function jsonOption(): Option {
  return new Option('--json', 'one JSON object a line')
}

/** Whether a command may make the data directory if it is missing. */
export type IfMissing = 'make' | 'refuse'

/**
 * Runs `use` with the log of the data directory, and closes the log even if `use` fails. Throws `FILE_MISSING` if the
 * directory is missing and `ifMissing` is `refuse`.
 */
export async function withLog<T>(
  { data }: DataOptions,
  ifMissing: IfMissing,
  use: (log: Log) => Promise<T>,
): Promise<T> {
  if (ifMissing === 'refuse' && !existsSync(data)) throw dataMissing(data)
  const log = await openLog(data)
  try {
    return await use(log)
  } finally {
    await log.close()
  }
}

/** The log in a data directory. The directory is made if it does not exist. */
export async function openLog(data: string): Promise<Log> {
  const { openFileLog } = await import('@millrace/connectors/file')
  return openFileLog({ directory: resolve(data), env: nodeEnv() })
}

function dataMissing(data: string): RefusedError {
  const path = resolve(data)
  return new RefusedError(
    'FILE_MISSING',
    `Data directory ${path} does not exist. Name another one with --data, or create it with a first topic: "millrace topics create <topic>"`,
    { file: path },
  )
}
