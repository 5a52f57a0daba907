import type { Readable, Writable } from 'node:stream'
import type pc from 'picocolors'

type Colors = ReturnType<typeof pc.createColors>

/** What a command meets of the world outside: handed in, so that commands can be run by tests. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** For text on stderr and for tables. */
  readonly colors: Colors
  /** Whether a person watches: progress is redrawn in place, else it is a plain line now and then. */
  readonly interactive: boolean
  /**
   * Aborted by the first SIGINT or SIGTERM, or when stdout takes nothing more. Until a command asks for it these end the process
   * at once; a command that asks must end soon after.
   */
  stopSignal(): AbortSignal
}
