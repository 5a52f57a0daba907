import { resolve } from 'node:path'
import type { Log } from '@millrace/core'
import { nodeEnv } from '@millrace/core/node'
import { Option } from 'commander'

/** What every command that touches data takes. */
export interface DataOptions {
  readonly data: string
}

/** The option that names the data directory. */
export function dataOption(): Option {
  return new Option('--data <dir>', 'the data directory').default('.millrace').env('MILLRACE_DATA')
}

export function jsonOption(): Option {
  return new Option('--json', 'one JSON object a line')
}

/** Runs `use` with the log of the data directory, and closes it whatever happens. */
export async function withLog<T>({ data }: DataOptions, use: (log: Log) => Promise<T>): Promise<T> {
  const log = await openLog(data)
  try {
    return await use(log)
  } finally {
    await log.close()
  }
}

/** The log in a data directory, which is made where there is none. */
export async function openLog(data: string): Promise<Log> {
  const { openFileLog } = await import('@millrace/connectors')
  return openFileLog({ directory: resolve(data), env: nodeEnv() })
}
