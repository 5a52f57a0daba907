/** What a shell expects of a command that Ctrl-C ended. */
const EXIT_INTERRUPTED = 130

/** Whether what ended a command is its stop signal, and not a failure. */
export function isStop(failure: unknown): boolean {
  return failure instanceof Error && failure.name === 'AbortError'
}

/** Ends the command as one that was interrupted, when it has reported how far it came. */
export function endInterrupted(): void {
  process.exitCode = EXIT_INTERRUPTED
}
