import { expect } from 'vitest'
import { type Ended, run } from '../flights/command.ts'
import type { UserFolder } from './job-files.ts'

/** A command that is refused. */
export interface Case {
  readonly what: string
  /** Prepares the folder and returns the command's arguments. */
  readonly args: (folder: UserFolder) => string[] | Promise<string[]>
  readonly stdin?: string
  readonly code: number
  readonly message: readonly (string | RegExp)[]
}

/** Runs the command of a case in a user's folder. */
export async function bad({ args, stdin }: Pick<Case, 'args' | 'stdin'>, folder: UserFolder): Promise<Ended> {
  const given = await args(folder)
  const env = { MILLRACE_DATA: folder.data }
  return run(given, { cwd: folder.path, env, ...(stdin !== undefined && { stdin }) })
}

/** Expects one message with a code and the expected text, without a stack, and the right exit code. */
export function expectError({ code, stderr }: Ended, expected: Pick<Case, 'code' | 'message'>): void {
  for (const text of expected.message) expect(stderr).toMatch(text)
  expect(stderr, 'a code').toMatch(/^[A-Z]+(_[A-Z]+)+: /m)
  expect(stderr, 'a stack trace').not.toMatch(/^\s+at /m)
  expect(code, stderr).toBe(expected.code)
}
