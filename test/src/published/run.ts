import { spawnSync } from 'node:child_process'

export interface RunOptions {
  readonly cwd: string
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  /** What the command must print to stderr, if it must fail. */
  readonly fails?: RegExp
}

/** Runs a command and returns what it printed. Throws, with all that it printed, if it does not end as it should. */
export function run(command: string, args: readonly string[], { cwd, input = '', env, fails }: RunOptions): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
  })
  const right = fails === undefined ? status === 0 : status !== 0 && fails.test(stderr)
  if (!right) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}
