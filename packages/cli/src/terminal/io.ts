import type { Readable, Writable } from 'node:stream'
import type pc from 'picocolors'

type Colors = ReturnType<typeof pc.createColors>

/** The parts of the outside world that a command uses. They are passed in, so that tests can run commands. */
export interface Io {
  readonly stdin: Readable
  readonly stdout: Writable
  readonly stderr: Writable
  readonly env: Readonly<Record<string, string | undefined>>
  /** For text on stderr and for tables. */
  readonly colors: Colors
  /** Whether a person watches. Then progress is redrawn in place; otherwise it is a plain line now and then. */
  readonly interactive: boolean
  /**
   * Aborted by the first SIGINT or SIGTERM, or when stdout accepts nothing more. Until a command reads this signal, these
   * end the process at once. A command that reads it must end soon after the abort.
   */
  stopSignal(): AbortSignal
}
