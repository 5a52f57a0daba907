import { RecordError } from '@millrace/core'
import { counted } from './terminal/amounts.ts'

/** How far a command that appends has come, and why it ended. */
export interface AppendReport {
  /** Records that are in the topic for certain. */
  readonly flushed: number
  /** Records that were handed to the log. After a failed write, some of them beyond `flushed` may be in the topic. */
  readonly appended: number
  /** Why it ended before the end of the input. */
  readonly failure: unknown
}

/** The number of records that are in the topic for certain, for a person; never more than the topic has. */
export function appendedText({ flushed, appended }: AppendReport): string {
  const records = counted(flushed, 'record')
  return flushed === appended ? records : `at least ${records}`
}

/** An error that names the line or row of the record that it is about. */
export function errorAt(error: unknown, where: string): unknown {
  if (!(error instanceof RecordError) || error.message.includes(where)) return error
  return new RecordError(error.code, `${where}: ${error.message}`, { ...error.place, cause: error.cause })
}
