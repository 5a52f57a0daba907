/** The exit code that a shell expects of a command that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130

/** Whether a command was ended by its stop signal, not by a failure. */
export function isStop(failure: unknown): boolean {
  return failure instanceof Error && failure.name === 'AbortError'
}

/** Ends the command as interrupted, after it has reported how far it came. */
export function endInterrupted(): void {
  process.exitCode = EXIT_INTERRUPTED
}
