import type { Log } from '../contracts/log.ts'

/** What the suite needs from a test runner: the functions of vitest or node:test fit. */
export interface TestRunner {
  describe(name: string, body: () => void): void
  test(name: string, body: () => Promise<void>): void
}

/** Opens logs for the suite. */
export interface LogFactory {
  /** A log of the kind, empty, that no other test has seen. */
  open(): Promise<Log>
  /** The same log once more, as another process would open it. */
  again(log: Log): Promise<Log>
  /**
   * Stops what a log does by itself, as if its process were stopped, until the returned function is called. Only for logs
   * that can be stopped.
   */
  pause?(log: Log): () => void
  /** Moves the wall clock of a log forward. */
  advance(log: Log, ms: number): void
}

/** What each part of the suite gets. */
export interface LogTests {
  readonly factory: LogFactory
  /** A test with its own log, closed after it. */
  test(name: string, body: (log: Log) => Promise<void>): void
}
